import { errno } from '../../../uapi/errno.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import { Placed } from '../placed.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { TestRunAttr } from '../progs/test-run-output.ts';
import { skipModifiers } from '../verifier/btf-walk.ts';
import type { StructOpsKind } from './kind.ts';

/** The struct of Linux's own tests: its functions run in test runs alone. */
export const dummyOps: StructOpsKind = {
  name: 'bpf_dummy_ops',
  checkMember: () => -errno.EOPNOTSUPP,
  validate: () => 0,
  register: () => -errno.EOPNOTSUPP,
  unregister() {},
  update: () => -errno.EOPNOTSUPP,
};

const WORD = 8;
/** Of a struct bpf_dummy_ops_state. */
const STATE_SIZE = 4;

/**
 * BPF_PROG_TEST_RUN of a function of that struct: `ctx_in` has its arguments, 8 bytes each. The first is the address of a state in the kernel's memory, which
 * the function is given a copy of and which has the copy then; or 0, where the function may be given NULL. 0 or -errno.
 */
export function testRunStructOps(prog: BpfProg, attr: TestRunAttr): number {
  const { machine } = prog;
  const { memory } = machine;
  const { btf } = machine.vmlinux;
  if (prog.attr.attachBtfId !== btf.find('struct', dummyOps.name)) return -errno.EOPNOTSUPP;
  const given = attr.ctx_in ?? new Uint8Array(0);
  if (given.length !== WORD * argumentCount(prog) || (attr.ctx_size_in ?? 0) !== given.length) return -errno.EINVAL;
  const user = new DataView(given.buffer, given.byteOffset).getBigUint64(0, true);
  const from = user < 0x1_0000_0000n ? Number(user) : -1;
  if (from !== 0 && (from < 0 || !memory.check(from, STATE_SIZE))) return -errno.EFAULT;
  if (from === 0 && !mayBeNull(prog)) return -errno.EINVAL;
  using placed = Placed.put(memory, new Uint8Array(given.length + WORD));
  if (placed === undefined) return -errno.ENOMEM;
  const { address } = placed;
  memory.u8.set(given, address + WORD);
  if (from !== 0) {
    memory.u8.copyWithin(address, from, from + STATE_SIZE);
    memory.dv.setBigUint64(address + WORD, BigInt(address), true);
  }
  const { value } = interpreterOf(machine).runProgram(prog, address + WORD);
  if (from !== 0) memory.u8.copyWithin(from, address, address + STATE_SIZE);
  attr.retval = value >>> 0;
  return 0;
}

function argumentCount({ machine, attr }: BpfProg): number {
  const { btf } = machine.vmlinux;
  const struct = btf.type(attr.attachBtfId);
  const member = struct.kind === 'struct' ? struct.members[attr.expectedAttachType] : undefined;
  const [pointer] = skipModifiers(btf, member?.typeId ?? 0);
  const [proto] = skipModifiers(btf, pointer.kind === 'ptr' ? pointer.typeId : 0);
  return proto.kind === 'func_proto' ? proto.params.length : 0;
}

/** Whether the function that stands in for the member says so of its first argument. */
function mayBeNull({ machine, attr }: BpfProg): boolean {
  const { btf } = machine.vmlinux;
  const struct = btf.type(attr.attachBtfId);
  const member = struct.kind === 'struct' ? struct.members[attr.expectedAttachType]?.name : undefined;
  const id = btf.find('func', `${dummyOps.name}__${member}`);
  const stub = id === undefined ? undefined : btf.type(id);
  const proto = stub?.kind === 'func' ? btf.type(stub.typeId) : undefined;
  return proto?.kind === 'func_proto' && (proto.params[0]?.name.endsWith('__nullable') ?? false);
}
