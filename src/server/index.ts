export { claimSocket } from './claim.ts';
export { defaultSocket } from './place.ts';
export { RemoteKernel } from './remote.ts';
export { type KernelServer, listen, type SharedKernel, serve } from './serve.ts';
export { connectIfServed, connectOrStart } from './start.ts';
export { systemReason } from './system-reason.ts';
