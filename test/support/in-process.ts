import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { linuxWorks } from './linux.ts';

/** The kernels that a test in this process can make, each with its name. Says in one line why Linux is left out, if it is. */
export function inProcessKernels(): [name: string, create: () => Kernel & Disposable][] {
  const kernels: [string, () => Kernel & Disposable][] = [['embedded', () => createEmbeddedKernel().kernel]];
  if (linuxWorks()) kernels.push(['linux', createLinuxKernel]);
  return kernels;
}
