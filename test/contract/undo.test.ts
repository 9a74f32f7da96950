import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { addDevice, setQdisc } from '../../src/loader/index.ts';
import { deviceHooks, undoTests } from './undo.ts';

describe('after a load that fails', () => {
  const { kernel } = createEmbeddedKernel();
  addDevice(kernel, { kind: 'veth', name: 'd0', peer: 'd1' });
  setQdisc(kernel, 'd0');
  for (const hook of deviceHooks(kernel)) describe(hook.name, () => undoTests(kernel, hook));
});
