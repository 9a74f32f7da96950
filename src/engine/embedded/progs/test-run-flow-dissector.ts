import { bpfFlowKeys } from '../../../uapi/contexts.ts';
import { errno } from '../../../uapi/errno.ts';
import { dissectFlow } from '../hooks/flow-dissector.ts';
import { ETH_HLEN } from './frame.ts';
import type { BpfProg } from './prog.ts';
import { eachTime, finishContext, finishData, readContext, repeatRun, type TestRunAttr } from './test-run-output.ts';

/** The largest frame: a page. */
const MAX_DATA = 4096;
const { flags } = bpfFlowKeys.fields;

/** BPF_PROG_TEST_RUN of a flow dissector: an Ethernet frame in, a struct bpf_flow_keys out. The context may set only `flags`. 0 or -errno. */
export function testRunFlowDissector(prog: BpfProg, attr: TestRunAttr): number {
  const size = attr.data_size_in ?? 0;
  if (attr.flags || attr.cpu || attr.batch_size) return -errno.EINVAL;
  if (size < ETH_HLEN || size > MAX_DATA) return -errno.EINVAL;
  const data = attr.data_in;
  if (data === undefined || data.length < size) return -errno.EFAULT;
  const given = readContext(attr, bpfFlowKeys.size);
  if (typeof given === 'number') return given;
  const allowed = (at: number) => at >= flags[1] && at < flags[1] + 4;
  if (given?.some((byte, at) => byte !== 0 && !allowed(at))) return -errno.EINVAL;

  const frame = data.slice(0, size);
  const wanted = given === undefined ? 0 : bpfFlowKeys.decode(given).flags;
  const run = eachTime(() => dissectFlow(prog, frame, wanted));
  const ran = repeatRun(attr.repeat, run);
  if (typeof ran === 'number') return ran;
  const { verdict, duration } = ran;
  if (verdict.keys === undefined) return -errno.ENOMEM;
  const result = finishData(attr, verdict.keys, verdict.value, duration);
  return result !== 0 || given === undefined ? result : finishContext(attr, given);
}
