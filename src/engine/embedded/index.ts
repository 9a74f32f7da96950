export { createEmbeddedKernel, type EmbeddedKernel } from './embedded.ts';
export type { EmbeddedLab, Injected, LabDevice, LabNamespace, LabRoute } from './lab.ts';
export type { MachineOptions } from './machine.ts';
export type { XdpRunner } from './progs/xdp-runner.ts';
export type { LabSocket, LabSocketInput, Received, SocketAddress } from './sockets/lab-socket.ts';
export type { FireOptions, LabTrace, SampleOptions, StoredBytes } from './trace/lab-trace.ts';
export type { FieldValue, RecordField } from './trace/record.ts';
export type { Fired } from './trace/trace-point.ts';
