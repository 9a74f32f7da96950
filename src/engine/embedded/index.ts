export { createEmbeddedKernel, type EmbeddedKernel } from './embedded.ts';
export type { EmbeddedLab, Injected, LabDevice, LabNamespace, LabRoute } from './lab.ts';
export type { MachineOptions } from './machine.ts';
export type { LabSocket, LabSocketInput, Received, SocketAddress } from './sockets/lab-socket.ts';
