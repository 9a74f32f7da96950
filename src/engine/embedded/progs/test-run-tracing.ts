import { ATTACH_TYPES } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { Placed } from '../placed.ts';
import { functionType } from '../trace/function-type.ts';
import type { BpfProg } from './prog.ts';
import type { TestRunAttr } from './test-run-output.ts';

/** What Linux calls for a test run of any program on functions: each function, and its arguments. `arg`: the address of a struct that begins with a pointer to nothing. */
const CALLS = (arg: bigint): readonly (readonly [name: string, args: readonly bigint[]])[] => [
  ['bpf_fentry_test1', [1n]],
  ['bpf_fentry_test2', [2n, 3n]],
  ['bpf_fentry_test3', [4n, 5n, 6n]],
  ['bpf_fentry_test4', [7n, 8n, 9n, 10n]],
  ['bpf_fentry_test5', [11n, 12n, 13n, 14n, 15n]],
  ['bpf_fentry_test6', [16n, 17n, 18n, 19n, 20n, 21n]],
  ['bpf_fentry_test7', [0n]],
  ['bpf_fentry_test8', [arg]],
  ['bpf_fentry_test9', [arg + 8n]],
];

/** Functions whose results programs may change, and what they are called with behind 1 and the address of a 2. */
const CHANGED: readonly (readonly [name: string, more: readonly bigint[]])[] = [
  ['bpf_modify_return_test', []],
  ['bpf_modify_return_test2', [3n, 4n, 5n, 6n, 7n]],
];

/**
 * BPF_PROG_TEST_RUN of a program on functions: the kernel's functions for tests are called, and whatever is attached to them runs. `retval` is 0, but for programs that
 * change results: the sum of what those functions returned, and above 16 bits how many were called. 0 or -errno.
 */
export function testRunTracing(prog: BpfProg, attr: TestRunAttr): number {
  if (attr.flags || attr.cpu || attr.batch_size) return -errno.EINVAL;
  const { machine } = prog;
  using placed = Placed.put(machine.memory, new Uint8Array(16));
  if (placed === undefined) return -errno.ENOMEM;
  const address = BigInt(placed.address);
  const call = (name: string, args: readonly bigint[]): bigint | undefined => {
    const func = machine.tracing.functions.get(name);
    const count = functionType(machine.vmlinux.btf, name)?.params.length ?? args.length;
    const { body } = func?.traits ?? {};
    return func?.call(args, count, (given) => body?.(given, machine.memory) ?? 0n).result;
  };
  switch (ATTACH_TYPES[prog.attr.expectedAttachType]) {
    case 'trace_fentry':
    case 'trace_fexit':
      for (const [name, args] of CALLS(address)) call(name, args);
      attr.retval = 0;
      return 0;
    case 'modify_return': {
      let [result, called] = [0n, 0];
      for (const [name, more] of CHANGED) {
        machine.memory.dv.setInt32(placed.address, 2, true);
        result += call(name, [1n, address, ...more]) ?? 0n;
        if (machine.memory.dv.getInt32(placed.address, true) !== 2) called++;
      }
      attr.retval = ((called << 16) | Number(BigInt.asUintN(16, result))) >>> 0;
      return 0;
    }
    default:
      return -errno.EINVAL;
  }
}
