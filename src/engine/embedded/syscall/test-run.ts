import { errno } from '../../../uapi/errno.ts';
import type { Process } from '../process.ts';
import { PROG_TYPE_BY_NUMBER } from '../progs/table.ts';
import { testRunFlowDissector } from '../progs/test-run-flow-dissector.ts';
import { testRunNetfilter } from '../progs/test-run-netfilter.ts';
import type { TestRunAttr } from '../progs/test-run-output.ts';
import { testRunRaw, testRunSyscall } from '../progs/test-run-raw.ts';
import { testRunSkLookup } from '../progs/test-run-sk-lookup.ts';
import { testRunSkb } from '../progs/test-run-skb.ts';
import { testRunTracing } from '../progs/test-run-tracing.ts';
import { testRunXdp } from '../progs/test-run-xdp.ts';
import { testRunStructOps } from '../struct-ops/dummy-ops.ts';

/**
 * BPF_PROG_TEST_RUN: 0 or -errno. `retval`, `duration` (ns a run), `data_out` and `ctx_out` are filled also with -ENOSPC, which says that a buffer
 * was too short and its whole size.
 */
export function testRun(process: Process, attr: TestRunAttr): number {
  if ((attr.ctx_size_in ?? 0) === 0 ? attr.ctx_in !== undefined : attr.ctx_in === undefined) return -errno.EINVAL;
  if ((attr.ctx_size_out ?? 0) === 0 ? attr.ctx_out !== undefined : attr.ctx_out === undefined) return -errno.EINVAL;
  const prog = process.prog(attr.prog_fd ?? 0);
  if (typeof prog === 'number') return prog;
  const type = PROG_TYPE_BY_NUMBER.get(prog.attr.type);
  switch (type?.testRun) {
    case 'skb':
      return testRunSkb(prog, type, attr);
    case 'xdp':
      return testRunXdp(prog, attr);
    case 'flow_dissector':
      return testRunFlowDissector(prog, attr);
    case 'sk_lookup':
      return testRunSkLookup(prog, attr);
    case 'raw':
      return testRunRaw(prog, attr);
    case 'tracing':
      return testRunTracing(prog, attr);
    case 'netfilter':
      return testRunNetfilter(prog, attr);
    case 'syscall':
      return testRunSyscall(prog, attr);
    case 'struct_ops':
      return testRunStructOps(prog, attr);
    case undefined:
      return -errno.ENOTSUPP;
  }
}
