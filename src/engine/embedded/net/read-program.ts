import { SysError } from '../../../errors.ts';
import type { BpfAction, BpfFilter } from '../../../net/index.ts';
import { progTypeNumber } from '../../../uapi/bpf.ts';
import { decodeClassic } from '../hooks/classic.ts';
import type { TcProgram } from '../hooks/tc-program.ts';
import type { Process } from '../process.ts';
import { fail } from './fail.ts';

/** Bytes of a name with its NUL. */
const MAX_NAME = 256;

type Asked = Pick<BpfFilter & BpfAction, 'fd' | 'ops' | 'opsLen' | 'name'>;

/** Whether a request names exactly one program. */
export function namesProgram({ fd, ops, opsLen }: Asked): boolean {
  return (ops !== undefined && opsLen !== undefined) !== (fd !== undefined);
}

/** The program that the options of a filter or an action name, not held yet. Throws SysError: EBADF, EINVAL, ERANGE. */
export function readTcProgram(process: Process, asked: Asked, type: 'sched_cls' | 'sched_act'): TcProgram {
  const { fd, ops = new Uint8Array(0), opsLen = 0, name } = asked;
  if (fd === undefined) {
    const insns = ops.length === 8 * opsLen ? decodeClassic(ops) : undefined;
    return { kind: 'classic', insns: insns ?? fail('EINVAL'), bytes: ops.slice() };
  }
  const prog = process.prog(fd | 0);
  if (typeof prog === 'number') throw new SysError(-prog, 'netlink');
  if (prog.attr.type !== progTypeNumber[type]) fail('EINVAL');
  return { kind: 'ebpf', prog, name };
}

/** Attributes are looked at before everything else. Throws SysError ERANGE. */
export function checkName({ name }: Asked): void {
  if (name !== undefined && name.length >= MAX_NAME) fail('ERANGE', 'Attribute failed policy validation');
}

/** What dumps say of it. */
export function describeProgram(program: TcProgram): Pick<BpfFilter & BpfAction, 'ops' | 'name' | 'id' | 'tag'> {
  return program.kind === 'classic'
    ? { ops: program.bytes }
    : { name: program.name, id: program.prog.id, tag: program.prog.attr.tag };
}
