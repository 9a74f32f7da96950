/**
 * skep: loads eBPF objects, shares and pins their maps, attaches and runs the programs, on any {@link Kernel}: the running one
 * (`skep/linux`) or the embedded one (`skep/embedded`).
 */
export * from './errors.ts';
export {
  type Clue,
  type Explanation,
  explainLog,
  explainLogs,
  type Fix,
  formatExplanation,
  type Place,
} from './explain/index.ts';
export * from './loader/index.ts';
export { findProgram, type MapSpec, type ObjectSpec, type ProgramSpec, parseObject } from './object/index.ts';
export type { Kernel } from './sys/kernel.ts';
export type { AttachType, MapType, ProgType } from './uapi/bpf.ts';
export type { BtfId, Fd, LinkId, MapId, ProgId } from './uapi/fd.ts';
