export { createEmbeddedKernel, type EmbeddedKernel } from './embedded.ts';
export type { EmbeddedLab, Injected, LabDevice } from './lab.ts';
export type { MachineOptions } from './machine.ts';
