export { defaultSocket } from './place.ts';
export { RemoteKernel } from './remote.ts';
export { type KernelServer, listen, type SharedKernel, serve } from './serve.ts';
export { claimSocket, connectIfServed, connectOrStart } from './start.ts';
