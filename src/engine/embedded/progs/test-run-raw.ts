import { errno } from '../../../uapi/errno.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import { Placed } from '../placed.ts';
import type { BpfProg } from './prog.ts';
import type { TestRunAttr } from './test-run-output.ts';

const BPF_F_TEST_RUN_ON_CPU = 1;
/** Arguments of a kernel function, as words, at most. */
const MAX_ARGS = 12;
const MAX_RECORD = 0xffff;

/** BPF_PROG_TEST_RUN of a raw tracepoint program: the context is its arguments. Only `retval` comes back. 0 or -errno. */
export function testRunRaw(prog: BpfProg, attr: TestRunAttr): number {
  const { flags = 0, cpu = 0, ctx_size_in: size = 0 } = attr;
  if (attr.data_in || attr.data_out || attr.ctx_out || attr.duration || attr.repeat || attr.batch_size)
    return -errno.EINVAL;
  if (size > MAX_ARGS * 8) return -errno.EINVAL;
  if ((flags & BPF_F_TEST_RUN_ON_CPU) === 0 && cpu !== 0) return -errno.EINVAL;
  if (cpu >= prog.machine.cpus) return -errno.ENXIO;
  const context = givenContext(attr);
  if (typeof context === 'number') return context;
  const { machine } = prog;
  const before = machine.cpu;
  if ((flags & BPF_F_TEST_RUN_ON_CPU) !== 0) machine.cpu = cpu;
  try {
    return runWith(prog, attr, context, MAX_ARGS * 8);
  } finally {
    machine.cpu = before;
  }
}

/** BPF_PROG_TEST_RUN of a syscall program, which may change what it is given: `ctx_in` is written back. 0 or -errno. */
export function testRunSyscall(prog: BpfProg, attr: TestRunAttr): number {
  if (attr.data_in || attr.data_out || attr.ctx_out || attr.duration || attr.repeat || attr.flags || attr.batch_size)
    return -errno.EINVAL;
  if ((attr.ctx_size_in ?? 0) > MAX_RECORD) return -errno.EINVAL;
  const context = givenContext(attr);
  if (typeof context === 'number') return context;
  // It may close its own last fd.
  prog.get();
  const result = runWith(prog, attr, context, context.length);
  prog.put();
  if (result === 0) attr.ctx_in?.set(context);
  return result;
}

function givenContext(attr: TestRunAttr): Uint8Array | number {
  const { ctx_in: given = new Uint8Array(0), ctx_size_in: size = 0 } = attr;
  return given.length < size ? -errno.EFAULT : given.slice(0, size);
}

/** Runs once with a copy of `context` in `room` bytes, and brings the copy back. */
function runWith(prog: BpfProg, attr: TestRunAttr, context: Uint8Array, room: number): number {
  const { machine } = prog;
  using placed = Placed.put(machine.memory, context, room);
  if (placed === undefined) return -errno.ENOMEM;
  attr.retval = interpreterOf(machine).runProgram(prog, placed.address).value >>> 0;
  context.set(placed.read(context.length));
  return 0;
}
