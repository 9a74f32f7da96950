import { errno } from '../../../uapi/errno.ts';
import { type Rejection, reject } from './rejection.ts';

/** An array of structs as a caller of BPF_PROG_LOAD gives it. */
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

/** Struct bpf_func_info, bpf_line_info, bpf_core_relo: their bytes, and the words for records that are longer, and whose rest is not zero. */
export const RECORDS = {
  func_info: { size: 8, tail: 'nonzero tailing record in func info' },
  line_info: { size: 16, tail: 'nonzero tailing record in line_info' },
  core_relos: { size: 16, tail: 'nonzero tailing record in core_relo' },
} as const;
const MAX_RECORD_SIZE = 252;

/** A copy of the records, each cut to the bytes that this kernel knows; what they say is the verifier's business. `undefined` if there are none. */
export function readRecords(
  what: keyof typeof RECORDS,
  { recordSize, count, bytes }: GivenRecords,
): Records | Rejection | undefined {
  const { size, tail } = RECORDS[what];
  if (count === 0) return undefined;
  if (recordSize < size || recordSize > MAX_RECORD_SIZE || recordSize % 4 !== 0)
    return reject(what === 'func_info' ? `invalid func info rec size ${recordSize}` : '');
  if (bytes === undefined || bytes.length < count * recordSize) return { errno: errno.EFAULT, message: '' };
  const kept = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    const record = bytes.subarray(i * recordSize, (i + 1) * recordSize);
    if (record.subarray(size).some((byte) => byte !== 0)) return { errno: errno.E2BIG, message: tail };
    kept.set(record.subarray(0, size), i * size);
  }
  return { recordSize: size, count, bytes: kept };
}
