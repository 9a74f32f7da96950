import { describe, expect, it } from 'vitest';
import { PROG_TYPES } from '../../../uapi/bpf.ts';
import { HELPERS, type HelperName } from '../../../uapi/helpers.ts';
import { allowedHelpers } from '../helpers/allowed.ts';
import { HELPER_BY_ID } from '../helpers/table.ts';
import { helperProto } from './prototypes.ts';

/** Helpers whose row has other arguments than what Linux says. */
const LOOSER = new Set<HelperName>([
  // Some types have a variant without an argument.
  'get_cgroup_classid',
  // The arguments after the format's size are not for the verifier to know.
  'trace_printk',
  // In programs of perf events it is for everybody.
  'get_stackid',
  // Linux does not say that it has flags.
  'get_branch_snapshot',
]);

describe('prototypes', () => {
  const types = PROG_TYPES.filter((type) => allowedHelpers(type, 0).length > 0);

  it.each(types)('for %s are those that the helpers check for themselves', (type) => {
    for (const name of allowedHelpers(type, 0)) {
      const helper = HELPER_BY_ID[HELPERS.indexOf(name)];
      if (helper === undefined || LOOSER.has(name)) continue;
      const { args, gplOnly } = helperProto(name, type, 0);
      expect([name, args.length, gplOnly]).toEqual([name, helper.args.length, helper.gplOnly]);
    }
  });

  it('know names, structs, sizes and kinds', () => {
    expect(helperProto('tail_call', 'xdp', 0).name).toBe('tail_call');
    expect(helperProto('get_current_task_btf', 'xdp', 0).returns).toMatchObject({
      base: 'btf_id',
      trusted: true,
      null: false,
      struct: 'task_struct',
    });
    const { args } = helperProto('strtol', 'xdp', 0);
    expect(args[3]).toMatchObject({ base: 'mem', uninit: true, write: true, aligned: true, size: 8, rdonly: false });
    expect(helperProto('ringbuf_reserve_dynptr', 'xdp', 0).args[3]?.dynptr).toBe('ringbuf');
    expect(helperProto('ringbuf_reserve', 'xdp', 0).returns).toMatchObject({ base: 'mem', null: true, ringbuf: true });
  });

  it('differ by type, hook and whether the program may sleep', () => {
    expect(helperProto('get_cgroup_classid', 'sched_cls', 0).args).toHaveLength(1);
    expect(helperProto('get_cgroup_classid', 'xdp', 0).args).toHaveLength(0);
    expect(helperProto('get_func_ip', 'kprobe', 0).gplOnly).toBe(true);
    expect(helperProto('get_func_ip', 'kprobe', 42).gplOnly).toBe(false);
    expect(helperProto('get_stack', 'kprobe', 0).mightSleep).toBe(false);
    expect(helperProto('get_stack', 'kprobe', 0, true).mightSleep).toBe(true);
  });
});
