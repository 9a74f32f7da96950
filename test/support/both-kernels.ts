import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';

/** For `describe.each`: a name, and what makes such a kernel. */
export const bothKernels: readonly [name: string, create: () => Kernel][] = [
  ['linux', createLinuxKernel],
  ['embedded', () => createEmbeddedKernel().kernel],
];
