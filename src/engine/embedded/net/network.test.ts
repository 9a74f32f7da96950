import { describe, expect, it } from 'vitest';
import { bytecode, I } from '../../../../test/support/bytecode.ts';
import {
  type Action,
  clsact,
  encodeActionMessage,
  encodeChain,
  encodeFilter,
  encodeLink,
  encodeQdisc,
  request,
} from '../../../net/index.ts';
import type { Direction } from '../../../sys/lab.ts';
import { progTypeNumber, TC_ACT_GOTO_CHAIN } from '../../../uapi/bpf.ts';
import * as N from '../../../uapi/netlink.ts';
import { createLab } from '../lab.ts';
import { Machine } from '../machine.ts';

/** From `a` to everybody, of a type that nobody speaks. */
const FRAME = Uint8Array.from({ length: 60 }, (_, i) => (i < 6 ? 255 : i === 12 ? 0x88 : i === 13 ? 0xb5 : i));

/** A machine with the veth pairs a0–a1 and b0–b1, all up and with a clsact. */
function setup() {
  const machine = new Machine({ clock: 'manual', verifier: 'off' });
  const process = machine.openProcess();
  const ask = (type: number, flags: number, payload: Uint8Array) => request(process, 'the test', type, flags, payload);
  for (const pair of ['a', 'b'])
    ask(
      N.RTM_NEWLINK,
      N.NLM_F_CREATE,
      encodeLink({ ifindex: 0, name: `${pair}0`, kind: 'veth', peer: { ifindex: 0, name: `${pair}1` } }),
    );
  const ifindex = (name: string) => machine.namespaces.first.deviceByName(name)?.ifindex ?? 0;
  for (const name of ['lo', 'a0', 'a1', 'b0', 'b1']) {
    ask(N.RTM_NEWLINK, 0, encodeLink({ ifindex: 0, name, flags: 1, change: 1 }));
    ask(N.RTM_NEWQDISC, N.NLM_F_CREATE, encodeQdisc(clsact(ifindex(name))));
  }
  const filter = (device: string, direction: Direction, insns: Uint8Array, classid?: number) => {
    const fd = process.bpf('BPF_PROG_LOAD', {
      prog_type: progTypeNumber.sched_cls,
      insns,
      insn_cnt: insns.length / 8,
      license: 'GPL',
      prog_name: 'tested',
    });
    ask(
      N.RTM_NEWTFILTER,
      N.NLM_F_CREATE,
      encodeFilter({
        ifindex: ifindex(device),
        parent: direction === 'ingress' ? N.TC_H_CLSACT_INGRESS : N.TC_H_CLSACT_EGRESS,
        handle: 0,
        priority: 0,
        protocol: N.ETH_P_ALL,
        kind: 'bpf',
        bpf: { fd, flags: 1, classid },
      }),
    );
    process.close(fd);
  };
  const stats = (name: string) => {
    const { rxPackets, txPackets, rxDropped, txDropped } = machine.namespaces.first.deviceByName(name)?.stats ?? {};
    return [rxPackets, txPackets, rxDropped, txDropped].map(Number);
  };
  return {
    machine,
    process,
    ask,
    ifindex,
    filter,
    stats,
    lab: createLab(machine, (network) => machine.openProcess(network)),
  };
}
/** `return bpf_redirect(ifindex, flags)` or, with helper 13, `bpf_clone_redirect(skb, …)` and then `verdict`. */
const redirect = (ifindex: number, flags = 0) => bytecode(I.mov(1, ifindex), I.mov(2, flags), I.call(23), I.exit);
const clone = (ifindex: number, flags: number, verdict: number) =>
  bytecode(I.mov(2, ifindex), I.mov(3, flags), I.call(13), I.mov(0, verdict), I.exit);

describe('frames', () => {
  it('cross a pair, and are counted at both ends', () => {
    const { lab, stats } = setup();
    lab.send('a0', 'egress', FRAME);
    expect([stats('a0'), stats('a1'), stats('b0')]).toEqual([
      [0, 1, 0, 0],
      [1, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
  });

  it('come back in on loopback', () => {
    const { lab, stats } = setup();
    lab.send('lo', 'egress', FRAME);
    expect(stats('lo')).toEqual([1, 1, 0, 0]);
  });

  it('are dropped where the other end is down', () => {
    const { lab, ask, stats } = setup();
    ask(N.RTM_NEWLINK, 0, encodeLink({ ifindex: 0, name: 'a1', flags: 0, change: 1 }));
    lab.send('a0', 'egress', FRAME);
    expect([stats('a0'), stats('a1')]).toEqual([
      [0, 0, 0, 1],
      [0, 0, 0, 0],
    ]);
  });

  it.each<[string, string, Uint8Array, string]>([
    ['a device that is not there', 'x9', FRAME, 'ENODEV'],
    ['less than a header', 'a0', FRAME.subarray(0, 13), 'EINVAL'],
    ['more than the MTU', 'a0', new Uint8Array(1600), 'EMSGSIZE'],
  ])('%s is refused', (_name, device, frame, want) => {
    const { lab } = setup();
    expect(() => lab.send(device, 'egress', frame)).toThrow(expect.objectContaining({ name: 'SysError', code: want }));
  });

  it('of a device that is down are refused', () => {
    const { lab, ask } = setup();
    ask(N.RTM_NEWLINK, 0, encodeLink({ ifindex: 0, name: 'a0', flags: 0, change: 1 }));
    expect(() => lab.send('a0', 'ingress', FRAME)).toThrow(expect.objectContaining({ code: 'ENETDOWN' }));
  });

  it('a program changes the frame, which arrives changed', () => {
    const { lab, filter } = setup();
    filter('a0', 'egress', bytecode(I.load(4, 2, 1, 76), I.storeImm(1, 2, 20, 0x99), I.mov(0, 0), I.exit));
    const { frame, verdict } = lab.inject('a0', 'egress', FRAME);
    expect([verdict, frame]).toEqual([0, Uint8Array.from(FRAME, (byte, i) => (i === 20 ? 0x99 : byte))]);
  });

  it('a VLAN tag that a program pushes is in the frame that leaves', () => {
    const { lab, filter } = setup();
    filter('a0', 'egress', bytecode(I.mov(2, 0xa888), I.mov(3, 0x2005), I.call(18), I.mov(0, 0), I.exit));
    const tag = [0x88, 0xa8, 0x20, 0x05];
    expect([...lab.inject('a0', 'egress', FRAME).frame]).toEqual([...FRAME.slice(0, 12), ...tag, ...FRAME.slice(12)]);
  });

  it('the class is the major number of the filter and the minor of the program', () => {
    const { lab, filter } = setup();
    filter(
      'a0',
      'ingress',
      bytecode(I.load(4, 0, 1, 72), I.add(0, 5), I.store(4, 1, 72, 0), I.mov(0, 0), I.exit),
      0x70003,
    );
    expect(lab.inject('a0', 'ingress', FRAME)).toMatchObject({ verdict: 0, classid: 0x70008 });
  });

  it('the mark travels to the other end and through redirects, the priority does not', () => {
    const { lab, filter, ifindex, stats } = setup();
    filter('a0', 'egress', bytecode(I.mov(2, 9), I.store(4, 1, 8, 2), I.store(4, 1, 32, 2), I.mov(0, 0), I.exit));
    filter('a1', 'ingress', redirect(ifindex('b0')));
    // Drops what has another mark or a priority.
    const drop = [I.mov(0, 2), I.exit];
    filter(
      'b0',
      'egress',
      bytecode(
        I.load(4, 2, 1, 8),
        I.load(4, 3, 1, 32),
        I.jeq(2, 9, 2),
        ...drop,
        I.jeq(3, 0, 2),
        ...drop,
        I.mov(0, 0),
        I.exit,
      ),
    );
    lab.send('a0', 'egress', FRAME);
    expect(stats('b1')).toEqual([1, 0, 0, 0]);
  });
});

describe('redirects', () => {
  it('out of another device', () => {
    const { lab, filter, ifindex, stats } = setup();
    filter('a0', 'ingress', redirect(ifindex('b0')));
    lab.send('a0', 'ingress', FRAME);
    expect([stats('b0'), stats('b1')]).toEqual([
      [0, 1, 0, 0],
      [1, 0, 0, 0],
    ]);
  });

  it('into another device', () => {
    const { lab, filter, ifindex, stats } = setup();
    filter('a0', 'ingress', redirect(ifindex('b0'), 1));
    lab.send('a0', 'ingress', FRAME);
    expect([stats('b0'), stats('b1')]).toEqual([
      [1, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
  });

  it('a clone goes its way, and the frame its own', () => {
    const { lab, filter, ifindex, stats } = setup();
    filter('a0', 'egress', clone(ifindex('b0'), 0, 0));
    lab.send('a0', 'egress', FRAME);
    expect([stats('a1'), stats('b1')]).toEqual([
      [1, 0, 0, 0],
      [1, 0, 0, 0],
    ]);
  });

  it("a clone meets the other device's programs while the first one runs", () => {
    const { lab, filter, ifindex } = setup();
    filter('b0', 'egress', bytecode(I.mov(6, 66), I.storeImm(8, 10, -8, 1), I.mov(0, 2), I.exit));
    filter(
      'a0',
      'egress',
      bytecode(
        I.mov(6, 5),
        I.storeImm(8, 10, -8, 7),
        I.mov(2, ifindex('b0')),
        I.mov(3, 0),
        I.call(13),
        I.load(8, 7, 10, -8),
        { opcode: 0x0f, dst: 6, src: 7 },
        I.jeq(6, 12, 2),
        I.mov(0, 2),
        I.exit,
        I.mov(0, 0),
        I.exit,
      ),
    );
    expect(lab.inject('a0', 'egress', FRAME).verdict).toBe(0);
  });

  it('between two ends that send to each other, it ends', () => {
    const { lab, filter, ifindex, stats } = setup();
    filter('a0', 'ingress', redirect(ifindex('a0')));
    filter('a1', 'ingress', redirect(ifindex('a1')));
    lab.send('a0', 'ingress', FRAME);
    expect(stats('a0')[0]).toBeGreaterThan(100);
    expect((stats('a0')[2] ?? 0) + (stats('a1')[2] ?? 0)).toBe(1);
  });

  it('that multiply are bounded', () => {
    const { lab, filter, ifindex, stats } = setup();
    const twice = bytecode(
      I.movReg(6, 1),
      I.mov(2, ifindex('a0')),
      I.mov(3, 1),
      I.call(13),
      I.movReg(1, 6),
      I.mov(2, ifindex('a0')),
      I.mov(3, 1),
      I.call(13),
      I.mov(0, 2),
      I.exit,
    );
    filter('a0', 'ingress', twice);
    lab.send('a0', 'ingress', FRAME);
    expect(stats('a0')[0]).toBeLessThan(3000);
    expect(stats('a0')[2]).toBeGreaterThan(100);
  });

  it('out of a device whose program sends out of it again are bounded', () => {
    const { lab, filter, ifindex, stats } = setup();
    filter('a0', 'egress', redirect(ifindex('a0')));
    lab.send('a0', 'egress', FRAME);
    expect(stats('a0')).toEqual([0, 0, 0, 1]);
  });
});

describe('the lab', () => {
  it('keeps faults, and says them in the trace log', () => {
    const { lab, filter, machine } = setup();
    filter('a0', 'egress', bytecode(I.mov(1, 0), I.load(4, 0, 1, 0), I.exit));
    const { verdict, fault } = lab.inject('a0', 'egress', FRAME);
    expect([verdict, fault?.insn, fault?.program?.name]).toEqual([0, 1, 'tested']);
    expect(lab.faults).toEqual([fault]);
    expect(machine.trace.take()).toContain(
      `program ${fault?.program?.id} (tested) stopped at insn 1: read of 4 bytes at 0x0`,
    );
  });

  it('gives up programs that do not end', () => {
    const { lab, filter } = setup();
    lab.budget = 1000;
    filter('a0', 'egress', bytecode(I.goto(-1)));
    expect(lab.inject('a0', 'egress', FRAME).fault?.reason).toBe('still running after 1000 instructions');
  });

  it('moves a manual clock, which programs see', () => {
    const { lab, filter } = setup();
    filter(
      'a0',
      'egress',
      bytecode(I.movReg(6, 1), I.call(5), { opcode: 0x77, dst: 0, imm: 32 }, I.store(4, 6, 72, 0), I.mov(0, 0), I.exit),
    );
    lab.clock.advance(5n << 32n);
    expect(lab.inject('a0', 'egress', FRAME).classid).toBe(5);
  });

  it('lists the devices', () => {
    const { lab } = setup();
    expect(lab.devices().map(({ ifindex, name, kind, up }) => `${ifindex} ${name} ${kind} ${up}`)).toEqual([
      '1 lo loopback true',
      '2 a1 veth true',
      '3 a0 veth true',
      '4 b1 veth true',
      '5 b0 veth true',
    ]);
  });
});

describe('what is given up is given back', () => {
  it('filters hold their programs, and let them go', () => {
    const { machine, filter, ask, ifindex } = setup();
    for (let i = 0; i < 3; i++) filter('a0', 'egress', bytecode(I.mov(0, 0), I.exit));
    expect(machine.progs.size).toBe(3);
    ask(N.RTM_DELQDISC, 0, encodeQdisc(clsact(ifindex('a0'))));
    expect(machine.progs.size).toBe(0);
    filter('b0', 'egress', bytecode(I.mov(0, 0), I.exit));
    ask(N.RTM_DELLINK, 0, encodeLink({ ifindex: ifindex('b1') }));
    expect([machine.progs.size, machine.namespaces.first.device(5)]).toEqual([0, undefined]);
  });

  it('filters hold their actions, which hold their programs', () => {
    const { machine, process, ask, ifindex } = setup();
    const program = (type: 'sched_cls' | 'sched_act') => {
      const insns = bytecode(I.mov(0, 0), I.exit);
      return process.bpf('BPF_PROG_LOAD', { prog_type: progTypeNumber[type], insns, insn_cnt: 2, license: 'GPL' });
    };
    const parms = { index: 0, control: 0, refs: 0, bindings: 0 };
    const add = (...actions: Action[]) => {
      const bpf = { fd: program('sched_cls'), actions };
      const parent = N.TC_H_CLSACT_EGRESS;
      const where = { ifindex: ifindex('a0'), parent, handle: 1, priority: 1, protocol: N.ETH_P_ALL, kind: 'bpf' };
      try {
        ask(N.RTM_NEWTFILTER, N.NLM_F_CREATE, encodeFilter({ ...where, bpf }));
      } finally {
        process.close(bpf.fd);
      }
    };
    const left = () => [machine.progs.size, machine.namespaces.first.actions.bpf.actions.length];
    const fd = program('sched_act');
    add({ kind: 'bpf', bpf: { ...parms, fd } }, { kind: 'bpf', bpf: { ...parms, fd } });
    process.close(fd);
    expect(left()).toEqual([2, 2]);
    // A refused filter leaves nothing behind, one in its place nothing of the old.
    const refused = { kind: 'bpf', bpf: { ...parms, control: TC_ACT_GOTO_CHAIN | 7 } };
    expect(() => add({ kind: 'gact', gact: { ...parms, control: TC_ACT_GOTO_CHAIN | 8 } }, refused)).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
    expect(machine.namespaces.first.actions.gact.actions).toEqual([]);
    add({ kind: 'gact', gact: { ...parms, control: TC_ACT_GOTO_CHAIN | 9 } });
    expect(left()).toEqual([1, 0]);
    const block = machine.namespaces.first.deviceByName('a0')?.qdisc?.egress;
    expect([7, 8, 9].map((chain) => block?.chain(chain)?.gotos)).toEqual([undefined, undefined, 1]);
    ask(N.RTM_DELLINK, 0, encodeLink({ ifindex: ifindex('a0') }));
    expect(left()).toEqual([0, 0]);
    expect([machine.namespaces.first.actions.gact.actions, block?.chain(9)]).toEqual([[], undefined]);
  });

  it('many frames take no memory', () => {
    const { machine, lab, filter, ifindex } = setup();
    filter('a0', 'egress', clone(ifindex('b0'), 0, 0));
    for (let i = 0; i < 50; i++) lab.send('a0', 'egress', FRAME);
    const before = machine.memory.size;
    for (let i = 0; i < 3000; i++) lab.send('a0', 'egress', FRAME);
    expect(machine.memory.size).toBe(before);
  });

  it('frames that a program makes longer take no memory', () => {
    const { machine, lab, filter } = setup();
    filter('a0', 'egress', bytecode(I.mov(2, 5000), I.mov(3, 0), I.call(38), I.mov(0, 0), I.exit));
    expect(lab.inject('a0', 'egress', FRAME).frame.length).toBe(5000);
    for (let i = 0; i < 50; i++) lab.send('a0', 'egress', FRAME);
    const before = machine.memory.size;
    for (let i = 0; i < 3000; i++) lab.send('a0', 'egress', FRAME);
    expect(machine.memory.size).toBe(before);
  });

  it('damaged requests leave nothing that cannot be taken away', () => {
    const { machine, process, ask, ifindex } = setup();
    const fds = (['sched_cls', 'sched_act'] as const).map((type) => {
      const insns = bytecode(I.mov(0, 0), I.exit);
      return process.bpf('BPF_PROG_LOAD', { prog_type: progTypeNumber[type], insns, insn_cnt: 2, license: 'GPL' });
    });
    const parms = { index: 1, control: TC_ACT_GOTO_CHAIN | 2, refs: 0, bindings: 0 };
    const actions: Action[] = [
      { kind: 'gact', gact: { ...parms, control: 3 }, cookie: new Uint8Array(4) },
      { kind: 'bpf', bpf: { ...parms, control: 0, fd: fds[1] } },
    ];
    const hook = { ifindex: ifindex('a0'), parent: N.TC_H_CLSACT_EGRESS };
    const filter = { ...hook, handle: 0, priority: 1, protocol: N.ETH_P_ALL, kind: 'bpf' };
    const bpf = { fd: fds[0], actions: [{ kind: 'gact', gact: parms }, ...actions] };
    const requests: [number, number, Uint8Array][] = [
      [N.RTM_NEWACTION, N.NLM_F_CREATE, encodeActionMessage({ actions })],
      [N.RTM_NEWACTION, N.NLM_F_CREATE | N.NLM_F_REPLACE, encodeActionMessage({ actions })],
      [N.RTM_NEWTFILTER, N.NLM_F_CREATE, encodeFilter({ ...filter, bpf })],
      [N.RTM_DELTFILTER, 0, encodeFilter(filter)],
      [N.RTM_NEWCHAIN, N.NLM_F_CREATE, encodeChain({ ...hook, chain: 2 })],
      [N.RTM_DELCHAIN, 0, encodeChain({ ...hook, chain: 2 })],
      [N.RTM_DELACTION, 0, encodeActionMessage({ actions: [{ kind: 'bpf', index: 1 }] })],
    ];
    let done = 0;
    for (let i = 0; i < 2000; i++) {
      const [type, flags, whole] = requests[machine.random() % requests.length] ?? [0, 0, new Uint8Array(0)];
      const payload = whole.slice();
      if (i % 3 > 0) payload[machine.random() % payload.length] = machine.random() & (i % 2 ? 255 : 3);
      try {
        ask(type, flags, payload);
        done++;
      } catch (error) {
        expect(error).toHaveProperty('name', 'SysError');
      }
    }
    expect(done).toBeGreaterThan(200);
    for (const name of ['a0', 'b0']) ask(N.RTM_DELLINK, 0, encodeLink({ ifindex: ifindex(name) }));
    for (const kind of ['bpf', 'gact'])
      ask(N.RTM_DELACTION, N.NLM_F_ROOT, encodeActionMessage({ actions: [{ kind }] }));
    for (const fd of fds) process.close(fd);
    const { bpf: bpfTable, gact } = machine.namespaces.first.actions;
    expect([bpfTable.actions, gact.actions, machine.progs.size]).toEqual([[], [], 0]);
  });

  it('any bytes are answered or refused as no message', () => {
    const { machine, process } = setup();
    for (let i = 0; i < 300; i++) {
      const bytes = Uint8Array.from(
        { length: 16 + (machine.random() % 80) },
        () => machine.random() & (machine.random() % 3 ? 3 : 255),
      );
      const view = new DataView(bytes.buffer);
      view.setUint32(0, bytes.length, true);
      view.setUint16(4, 16 + (machine.random() % 88), true);
      const answer = (() => {
        try {
          return process.netlink(bytes);
        } catch (error) {
          return error;
        }
      })();
      expect(answer instanceof Uint8Array || (answer instanceof Error && answer.name === 'SysError')).toBe(true);
    }
  });
});
