import { expect, it } from 'vitest';
import {
  attachProgramToCgroup,
  attachProgramToDevice,
  attachToSockmap,
  BpfMap,
  type BpfProgram,
  clearFlowDissector,
  deleteActions,
  deleteFilter,
  detachFromSockmap,
  detachProgramFromCgroup,
  detachProgramFromDevice,
  listActions,
  listDevices,
  listFilters,
  load,
  openObject,
  queryPrograms,
  setActions,
  setFilter,
  setFlowDissector,
  setXdp,
} from '../../src/loader/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { mapTypeNumber } from '../../src/uapi/bpf.ts';
import { objectBytes } from '../support/objects.ts';
import type { Version } from '../support/since.ts';

/** A hook that takes programs without a link. */
export interface UndoHook {
  readonly name: string;
  /** Of hooks.o. */
  readonly program: string;
  /** Since which Linux it can be asked what is there. */
  readonly since?: Version;
  /** `former`: the program whose place it takes. */
  attach(program: BpfProgram, former?: BpfProgram): void;
  detach(program: BpfProgram): void;
  /** Ids of the programs there. */
  shown(): readonly number[];
  /** A program that is there is not replaced. */
  readonly addsOnly?: boolean;
}

/** Those of any kernel with a device d0 that has a clsact. */
export function deviceHooks(kernel: Kernel): UndoHook[] {
  const place = { device: 'd0', parent: 'egress', handle: 1, priority: 1 } as const;
  return [
    {
      name: 'tcx',
      since: '6.6',
      program: 'on_tc',
      attach: (program, replace) => attachProgramToDevice(program, 'd0', 'tcx_egress', { replace }),
      detach: (program) => detachProgramFromDevice(kernel, 'd0', 'tcx_egress', program),
      shown: () => queryPrograms(kernel, { device: 'd0' }, 'tcx_egress').programs.map(({ id }) => id),
    },
    {
      name: 'XDP',
      program: 'on_xdp',
      attach: (program) => setXdp(kernel, 'd0', program, { mode: 'generic' }),
      detach: () => setXdp(kernel, 'd0', undefined, { mode: 'generic' }),
      shown: () => listDevices(kernel).flatMap(({ name, xdp }) => (name === 'd0' && xdp?.progId ? [xdp.progId] : [])),
    },
    {
      name: 'a filter',
      program: 'on_tc',
      attach: (program) => {
        setFilter(kernel, place, program, { directAction: true, name: 'mine' }, 'replace');
      },
      detach: () => deleteFilter(kernel, place),
      shown: () =>
        listFilters(kernel, place).flatMap(({ bpf }) => {
          if (bpf?.id === undefined) return [];
          expect([bpf.name, bpf.flags]).toEqual(['mine', 1]);
          return [bpf.id];
        }),
    },
    {
      name: 'an action',
      program: 'on_action',
      attach: (program) => {
        setActions(kernel, [{ program, index: 5 }]);
      },
      detach: () => deleteActions(kernel, [{ index: 5 }]),
      shown: () => listActions(kernel).flatMap(({ bpf }) => bpf?.id ?? []),
      addsOnly: true,
    },
  ];
}

/** Those of Linux, with a cgroup of its own. */
export function linuxHooks(kernel: Kernel, cgroup: string): UndoHook[] {
  const inCgroup = (name: string, mode: 'multi' | 'override'): UndoHook => ({
    name: `a cgroup, ${name}`,
    program: 'on_egress',
    attach: (program, former) =>
      attachProgramToCgroup(program, cgroup, 'cgroup_inet_egress', {
        mode,
        replace: mode === 'multi' ? former : undefined,
      }),
    detach: (program) => detachProgramFromCgroup(kernel, cgroup, 'cgroup_inet_egress', program),
    shown: () => queryPrograms(kernel, { cgroup }, 'cgroup_inet_egress').programs.map(({ id }) => id),
  });
  const sockets = { map_type: mapTypeNumber.sockmap, key_size: 4, value_size: 4, max_entries: 1 };
  const map = new BpfMap(kernel, kernel.bpf('BPF_MAP_CREATE', sockets));
  return [
    inCgroup('several programs', 'multi'),
    inCgroup('one program', 'override'),
    {
      name: 'a map of sockets',
      since: '5.18',
      program: 'on_verdict',
      attach: (program) => attachToSockmap(program, map, 'sk_skb_stream_verdict'),
      detach: (program) => detachFromSockmap(program, map, 'sk_skb_stream_verdict'),
      shown: () => queryPrograms(kernel, { map }, 'sk_skb_stream_verdict').programs.map(({ id }) => id),
    },
    {
      name: 'the flow dissector',
      program: 'on_flow',
      attach: setFlowDissector,
      detach: clearFlowDissector,
      shown: () => queryPrograms(kernel, { netns: undefined }, 'flow_dissector').programs.map(({ id }) => id),
    },
  ];
}

/** The tests of one hook. */
export function undoTests(kernel: Kernel, hook: UndoHook): void {
  const object = openObject(objectBytes('test/objects/hooks.o'), { file: 'hooks.o' });
  const programs = object.spec.programs.filter(({ name }) => name === hook.program);
  const loading = (use: (program: BpfProgram) => void) =>
    load(kernel, object, { programs }, (loaded) => use(loaded.program(hook.program)));
  const failing = (use: (program: BpfProgram) => void) =>
    expect(() =>
      loading((program) => {
        use(program);
        throw new Error('later');
      }),
    ).toThrow('later');

  it('is empty again', () => {
    let there: readonly number[] = [];
    failing((program) => {
      hook.attach(program);
      there = hook.shown();
    });
    expect(there).toHaveLength(1);
    expect(hook.shown()).toEqual([]);
  });

  it('keeps what was attached after the load, or before one that fails', () => {
    using loaded = loading(() => {});
    const program = loaded.program(hook.program);
    hook.attach(program);
    failing(() => {});
    expect(hook.shown()).toEqual([program.id]);
    hook.detach(program);
    expect(hook.shown()).toEqual([]);
  });

  if (hook.addsOnly) return;
  it('has again the program that was there', () => {
    using loaded = loading((program) => hook.attach(program));
    const former = loaded.program(hook.program);
    expect(hook.shown()).toEqual([former.id]);
    failing((program) => {
      hook.attach(program, former);
      expect(hook.shown()).toEqual([program.id]);
    });
    expect(hook.shown()).toEqual([former.id]);
    hook.detach(former);
  });
}
