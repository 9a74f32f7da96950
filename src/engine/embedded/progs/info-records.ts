import { roundUp } from '../../../bytes/round.ts';
import { errno } from '../../../uapi/errno.ts';
import { type Rejection, reject } from './rejection.ts';

/** func_info or line_info as a caller of BPF_PROG_LOAD gives it. */
export interface GivenRecords {
  readonly recordSize: number;
  readonly count: number;
  readonly bytes: Uint8Array | undefined;
}

export interface Records {
  readonly recordSize: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** struct bpf_func_info, struct bpf_line_info. Bytes. */
export const FUNC_INFO_SIZE = 8;
export const LINE_INFO_SIZE = 16;
const MAX_RECORD_SIZE = 252;

/**
 * A copy of the records, each cut to the `size` bytes that this kernel knows. `undefined` if there are none. Their `insn_off` (the first field)
 * must grow and stay below `insnCount`.
 */
export function readRecords(
  what: 'func' | 'line',
  given: GivenRecords,
  insnCount: number,
): Records | Rejection | undefined {
  const size = what === 'func' ? FUNC_INFO_SIZE : LINE_INFO_SIZE;
  const { recordSize, count, bytes } = given;
  if (count === 0) return undefined;
  if (recordSize < size || recordSize > MAX_RECORD_SIZE || recordSize !== roundUp(recordSize, 4))
    return reject(`invalid ${what} info rec size ${recordSize}`);
  if (count > insnCount) return reject(`${count} ${what} infos are more than the program has instructions`);
  if (bytes === undefined || bytes.length < count * recordSize)
    return { errno: errno.EFAULT, message: `${what} info is shorter than its count says` };
  const kept = new Uint8Array(count * size);
  const view = new DataView(kept.buffer);
  let last = -1;
  for (let i = 0; i < count; i++) {
    const record = bytes.subarray(i * recordSize, (i + 1) * recordSize);
    if (record.subarray(size).some((byte) => byte !== 0))
      return { errno: errno.E2BIG, message: `nonzero tailing record in ${what}_info` };
    kept.set(record.subarray(0, size), i * size);
    const insn = view.getUint32(i * size, true);
    if (i === 0 && insn !== 0) return reject(`nonzero insn_off ${insn} for the first ${what} info record`);
    if (insn <= last || insn >= insnCount) return reject(`invalid ${what}_info[${i}].insn_off ${insn}`);
    last = insn;
  }
  return { recordSize: size, count, bytes: kept };
}
