import { bpfSkLookup } from '../../../uapi/contexts.ts';
import { errno } from '../../../uapi/errno.ts';

import { AF_INET, AF_INET6 } from '../inet/address.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import { Placed } from '../placed.ts';
import type { BpfProg } from './prog.ts';
import { eachTime, finishContext, finishData, readContext, repeatRun, type TestRunAttr } from './test-run-output.ts';

const MAX_PORT = 0xffff;
const { sk, local_port, ingress_ifindex } = bpfSkLookup.fields;

/** BPF_PROG_TEST_RUN of a program that looks up sockets: the context says which packet asks. 0 or -errno. */
export function testRunSkLookup(prog: BpfProg, attr: TestRunAttr): number {
  if (attr.flags || attr.cpu || attr.batch_size) return -errno.EINVAL;
  if (attr.data_in || attr.data_size_in || attr.data_out || attr.data_size_out) return -errno.EINVAL;
  const given = readContext(attr, bpfSkLookup.size);
  if (typeof given === 'number') return given;
  if (given === undefined) return -errno.EINVAL;
  const asked = bpfSkLookup.decode(given);
  if (asked.sk !== 0n || given.subarray(local_port[1] + 4).some((byte) => byte !== 0)) return -errno.EINVAL;
  if (asked.local_port > MAX_PORT) return -errno.ERANGE;
  if (asked.family !== AF_INET && asked.family !== AF_INET6) return -errno.EAFNOSUPPORT;

  const { memory } = prog.machine;
  using context = Placed.put(memory, given);
  if (context === undefined) return -errno.ENOMEM;
  const interpreter = interpreterOf(prog.machine);
  const run = eachTime(() => {
    memory.u8.set(given, context.address);
    return interpreter.runProgram(prog, context.address);
  });
  const ran = repeatRun(attr.repeat, run);
  if (typeof ran === 'number') return ran;
  given.set(context.read(bpfSkLookup.size).subarray(sk[1], sk[1] + 8), sk[1]);
  given.fill(0, ingress_ifindex[1]);
  const result = finishData(attr, new Uint8Array(0), ran.verdict.value, ran.duration);
  return result !== 0 ? result : finishContext(attr, given);
}
