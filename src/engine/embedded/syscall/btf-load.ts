import { type Btf, type BtfType, parseBtf } from '../../../btf/index.ts';
import { ObjectError } from '../../../errors.ts';
import { errno } from '../../../uapi/errno.ts';
import { BtfObject } from '../btf-object.ts';
import { checkObjects } from '../maps/value-fields.ts';
import type { Process } from '../process.ts';
import { checkLogRequest, type LogRequest, writeLog } from '../progs/load-log.ts';
import type { CheckedAttr } from './attr.ts';

/** Bytes up to the fields that every version has. */
const HEADER_SIZE = 24;
const BTF_MAX_SIZE = 16 * 1024 * 1024;

/** BPF_BTF_LOAD: the new fd or -errno; what is wrong with the BTF is in `btf_log_buf`. */
export function btfLoad(process: Process, attr: CheckedAttr<'BPF_BTF_LOAD'>): number {
  if (attr.btf_flags !== 0 || attr.btf_token_fd !== 0) return -errno.EINVAL;
  if (attr.btf_size > BTF_MAX_SIZE) return -errno.E2BIG;
  const log: LogRequest = { level: attr.btf_log_level, size: attr.btf_log_size, buffer: attr.btf_log_buf };
  const refused = checkLogRequest(log);
  if (refused !== 0) return refused;
  if ((log.buffer?.length ?? 0) < log.size || (attr.btf?.length ?? 0) < attr.btf_size) return -errno.EFAULT;
  // A copy: the caller's buffer is the caller's.
  const bytes = new Uint8Array(attr.btf_size);
  bytes.set(attr.btf?.subarray(0, attr.btf_size) ?? []);
  const btf = parse(bytes);
  const trueSize = writeLog(log, typeof btf === 'string' ? `${btf}\n` : '');
  if (trueSize > 0) attr.btf_log_true_size = trueSize;
  if (log.buffer !== undefined && trueSize > log.size) return -errno.ENOSPC;
  if (typeof btf === 'string') return process.fail(isFromTheFuture(bytes) ? errno.ENOTSUPP : errno.EINVAL, btf);
  const misplaced = checkObjects(btf);
  if (misplaced !== 0) return process.fail(-misplaced, 'a struct has locks, lists or pointers where they may not be');
  if (!process.machine.charge(bytes.length)) return -errno.ENOMEM;
  return process.files.add({ kind: 'btf', btf: new BtfObject(process.machine, () => ({ bytes, btf })) });
}

/** Whether it is BTF, but of a version or with flags that no kernel knows: a header of magic, version and flags. */
function isFromTheFuture(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_SIZE && bytes[0] === 0x9f && bytes[1] === 0xeb && (bytes[2] !== 1 || bytes[3] !== 0);
}

/** What is wrong with it, in a sentence, if anything is. */
function parse(bytes: Uint8Array): Btf | string {
  try {
    const btf = parseBtf(bytes);
    if (bytes[3] !== 0) return 'the BTF has flags in its header';
    if (!btf.littleEndian) return 'the BTF is big-endian';
    if (btf.typeCount === 1) return 'the BTF has no types';
    if (btf.stringsLength === 0 || btf.string(0) !== '') return 'the string section does not start with a NUL';
    for (let id = 1; id < btf.typeCount; id++) {
      const missing = referencesOf(btf.type(id)).find((to) => to >= btf.typeCount);
      if (missing !== undefined) return `type ${id} refers to type ${missing}; the last is ${btf.typeCount - 1}`;
    }
    for (let id = 1; id < btf.typeCount; id++) {
      const outside = memberOutside(btf, btf.type(id));
      if (outside !== undefined) return `member ${outside || '(anon)'} of type ${id} exceeds its size`;
    }
    return btf;
  } catch (error) {
    if (error instanceof ObjectError) return error.message;
    throw error;
  }
}

function referencesOf(type: BtfType): readonly number[] {
  switch (type.kind) {
    case 'struct':
    case 'union':
      return type.members.map((member) => member.typeId);
    case 'datasec':
      return type.variables.map((variable) => variable.typeId);
    case 'func_proto':
      return [type.returns, ...type.params.map((param) => param.typeId)];
    case 'array':
      return [type.typeId, type.indexTypeId];
    default:
      return 'typeId' in type ? [type.typeId] : [];
  }
}

/** The name of a member that does not end within its struct or union. */
function memberOutside(btf: Btf, type: BtfType): string | undefined {
  if (type.kind !== 'struct' && type.kind !== 'union') return undefined;
  return type.members.find(
    ({ typeId, bitOffset, bitSize }) => bitOffset + (bitSize === 0 ? 8 * btf.size(typeId) : bitSize) > 8 * type.size,
  )?.name;
}
