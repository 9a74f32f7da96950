import { describe, expect, it } from 'vitest';
import { returning } from '../../test/support/programs.ts';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { actionParms } from '../net/index.ts';
import type { Kernel } from '../sys/kernel.ts';
import { progTypeNumber, TC_ACT_OK, TC_ACT_SHOT } from '../uapi/bpf.ts';
import { addDevice } from './devices.ts';
import { openProgram } from './program.ts';
import { setFilter, setQdisc } from './tc.ts';
import { deleteActions, flushActions, getActions, listActions, setActions } from './tc-action.ts';

const ALL = { classic: Uint8Array.of(6, 0, 0, 0, 255, 255, 255, 255) };
/** As long as classic programs may be: 4095 times `A = 0`, and a return. */
const LONG = { classic: Uint8Array.from({ length: 8 * 4096 }, (_, i) => (i === 8 * 4095 ? 6 : 0)) };

function program(kernel: Kernel) {
  const insns = returning(0);
  const prog_type = progTypeNumber.sched_act;
  return openProgram(kernel, {
    fd: kernel.bpf('BPF_PROG_LOAD', { prog_type, insns, insn_cnt: 2, license: 'GPL', prog_name: 'pass' }),
  });
}

describe('actions', () => {
  it('are returned as the kernel has them', () => {
    const { kernel } = createEmbeddedKernel();
    using pass = program(kernel);
    const made = setActions(kernel, [{ program: pass }, { kind: 'gact', control: TC_ACT_SHOT, index: 9 }]);
    expect(made.map(actionParms)).toMatchObject([
      { index: 1, refs: 1 },
      { index: 9, control: TC_ACT_SHOT },
    ]);
    expect(made[0]?.bpf).toMatchObject({ name: 'pass', id: pass.id });
    setActions(kernel, [{ program: ALL, control: TC_ACT_OK, index: 1 }], 'replace');
    expect(getActions(kernel, [{ index: 1 }])[0]?.bpf).toMatchObject({
      control: TC_ACT_OK,
      opsLen: 1,
      name: undefined,
    });
    deleteActions(kernel, [{ index: 1 }, { kind: 'gact', index: 9 }]);
    expect([listActions(kernel), listActions(kernel, 'gact')]).toEqual([[], []]);
  });

  it('of any size are listed, those that ran lately too', () => {
    const { kernel, lab } = createEmbeddedKernel({ clock: 'manual' });
    for (let i = 0; i < 5; i++) setActions(kernel, [{ program: LONG }]);
    lab.clock.advance(2_000_000_000n);
    setActions(kernel, [{ program: ALL }]);
    expect(listActions(kernel).map(({ bpf }) => [bpf?.index, bpf?.ops?.length])).toEqual([
      ...[1, 2, 3, 4, 5].map((index) => [index, LONG.classic.length]),
      [6, 8],
    ]);
    expect(listActions(kernel, 'bpf', 1000).map(({ bpf }) => bpf?.index)).toEqual([6]);
    expect(listActions(kernel)[0]?.bpf?.ages?.installed).toBe(200n);
    flushActions(kernel);
    expect(listActions(kernel)).toEqual([]);
  });

  it('that cannot be are refused', () => {
    const { kernel } = createEmbeddedKernel();
    using stranger = program(createEmbeddedKernel().kernel);
    const many = Array.from({ length: 33 }, () => ({ program: ALL }));
    expect(() => setActions(kernel, many)).toThrow('33 actions are more than the 32');
    expect(() => setActions(kernel, [{ kind: 'gact', program: ALL }])).toThrow('runs no program');
    expect(() => setActions(kernel, [{ program: stranger }])).toThrow('another kernel');
    expect(() => setActions(kernel, [{ index: 3 }])).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(listActions(kernel)).toEqual([]);
  });

  it('that a filter is to be bound to and that are not there are named', () => {
    const { kernel } = createEmbeddedKernel();
    addDevice(kernel, { kind: 'dummy', name: 'd0' });
    setQdisc(kernel, 'd0');
    setActions(kernel, [{ program: ALL, index: 1 }]);
    const place = { device: 'd0', parent: 'egress' } as const;
    expect(() => setFilter(kernel, place, ALL, { actions: [{ index: 1 }, { index: 7 }] })).toThrow(
      expect.objectContaining({ code: 'EINVAL', detail: 'there is no action bpf of index 7 to bind to' }),
    );
    const { bpf } = setFilter(kernel, place, ALL, { actions: [{ index: 1 }, { program: ALL }, { kind: 'gact' }] });
    expect(bpf?.actions?.map((action) => [action.kind, actionParms(action)?.index])).toEqual([
      ['bpf', 1],
      ['bpf', 2],
      ['gact', 1],
    ]);
    expect(() => deleteActions(kernel, [{ index: 1 }])).toThrow(expect.objectContaining({ code: 'EPERM' }));
  });
});
