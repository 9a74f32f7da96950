export * from '../errors.ts';
export type { BpfAttr, BpfCmd, BpfResult } from '../uapi/attr.ts';
export { BPF_COMMANDS } from '../uapi/attr.ts';
export { errno, errnoCode, strerror } from '../uapi/errno.ts';
export type { BtfId, Fd, LinkId, MapId, ProgId } from '../uapi/fd.ts';
export * from './kernel.ts';
export { type Direction, MAX_SENT, MAX_SENT_BYTES, type PacketLab, type TestRunLab, type TestRuns } from './lab.ts';
export { strace } from './strace.ts';
export type {
  KernelEvent,
  LogEvent,
  LostEvent,
  ObservedKernel,
  PacketEvent,
  WatchedKernel,
  WatchOptions,
} from './watch.ts';
