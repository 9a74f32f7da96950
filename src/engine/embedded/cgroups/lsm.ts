import { attachTypeNumber } from '../../../uapi/bpf.ts';
import type { Machine } from '../machine.ts';
import { Placed } from '../placed.ts';
import type { Fired } from '../trace/trace-point.ts';
import { hookNumber } from './attach-types.ts';
import { runCgroupHook } from './run-hook.ts';

/** What the programs of the running process's cgroup say about a call of a hook of LSM: 0 or -errno. `context`: its arguments, and a word for the result. */
export function runLsmOfCgroup(
  machine: Machine,
  name: string,
  context: Uint8Array,
): { readonly retval: number; readonly fired: Fired[] } {
  const fired: Fired[] = [];
  const hook = hookNumber(attachTypeNumber.lsm_cgroup, machine.vmlinux.btf.find('func', name) ?? 0);
  const { cgroup } = machine;
  if (cgroup.effective(hook).length === 0) return { retval: 0, fired };
  using placed = Placed.put(machine.memory, context);
  if (placed === undefined) return { retval: 0, fired };
  const { retval } = runCgroupHook(
    machine,
    cgroup,
    hook,
    placed.address,
    { kind: 'cgroup', retval: 0 },
    {
      each: (prog, { value, fault }) =>
        fired.push({ program: { id: prog.id, name: prog.attr.name }, retval: value >>> 0, fault: fault?.reason }),
    },
  );
  return { retval, fired };
}
