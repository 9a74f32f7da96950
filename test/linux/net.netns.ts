import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLinuxKernel, createLinuxPacketLab } from '../../src/engine/linux/index.ts';
import { NotSupportedError, SysError } from '../../src/errors.ts';
import {
  type Action,
  type BpfAction,
  clsact,
  decodeActionMessage,
  decodeFilter,
  decodeLink,
  decodeQdisc,
  encodeActionMessage,
  encodeFilter,
  encodeLink,
  encodeQdisc,
  type Filter,
  type Link,
  request,
} from '../../src/net/index.ts';
import { progTypeNumber, TC_ACT_OK, TC_ACT_PIPE, TC_ACT_SHOT } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import {
  ETH_P_ALL,
  IFF_UP,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_ECHO,
  NLM_F_EXCL,
  RTM_DELACTION,
  RTM_DELLINK,
  RTM_DELQDISC,
  RTM_DELTFILTER,
  RTM_GETACTION,
  RTM_GETLINK,
  RTM_GETQDISC,
  RTM_GETTFILTER,
  RTM_NEWACTION,
  RTM_NEWLINK,
  RTM_NEWQDISC,
  RTM_NEWTFILTER,
  TC_H_CLSACT_EGRESS,
  TC_H_CLSACT_INGRESS,
  TCA_BPF_FLAG_ACT_DIRECT,
} from '../../src/uapi/netlink.ts';
import { counting } from '../support/programs.ts';

const kernel = createLinuxKernel();
const lab = createLinuxPacketLab(kernel);
const ADD = NLM_F_CREATE | NLM_F_EXCL;
/** Classic BPF. */
const RETURN_ALL = Uint8Array.of(6, 0, 0, 0, 255, 255, 255, 255);
/** A broadcast of an Ethernet type that nobody speaks. */
const FRAME = Uint8Array.of(255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, ...new Uint8Array(46));

function link(name: string): Link {
  const [answer] = request(kernel, `device ${name}`, RTM_GETLINK, 0, encodeLink({ ifindex: 0, name }));
  if (answer === undefined) throw new Error(`no answer about ${name}`);
  return decodeLink(answer);
}

function addVeth(name: string, peer: string): void {
  const payload = encodeLink({ ifindex: 0, name, kind: 'veth', peer: { ifindex: 0, name: peer } });
  request(kernel, `device ${name}`, RTM_NEWLINK, ADD, payload);
}

function setUp(name: string): void {
  request(
    kernel,
    `device ${name}`,
    RTM_NEWLINK,
    0,
    encodeLink({ ifindex: link(name).ifindex, flags: IFF_UP, change: IFF_UP }),
  );
}

function filters(ifindex: number, parent: number): Filter[] {
  const payload = encodeFilter({ ifindex, parent, handle: 0, priority: 0, protocol: 0, kind: undefined });
  return request(kernel, 'filters', RTM_GETTFILTER, NLM_F_DUMP, payload).map(decodeFilter);
}

/** Tries again for a second at most. */
async function eventually(what: () => unknown): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      what();
      return;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  what();
}

function makeCounter(): Fd {
  return kernel.bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: 8, max_entries: 1 });
}

function count(map: Fd): bigint {
  const value = new Uint8Array(8);
  kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: map, key: new Uint8Array(4), value });
  return new DataView(value.buffer).getBigUint64(0, true);
}

function loadCounter(map: Fd, verdict: number, type: 'sched_cls' | 'sched_act' = 'sched_cls'): Fd {
  const insns = counting(map, verdict);
  return kernel.bpf('BPF_PROG_LOAD', {
    prog_type: progTypeNumber[type],
    insns,
    insn_cnt: insns.length / 8,
    license: 'GPL',
    prog_name: 'counter',
  });
}

beforeAll(() => {
  addVeth('d0', 'd1');
  setUp('d0');
  setUp('d1');
});
afterAll(() => kernel[Symbol.dispose]());

describe('links', () => {
  it('are made in pairs, found by name, and counted', () => {
    const [d0, d1] = [link('d0'), link('d1')];
    expect(d0).toMatchObject({
      name: 'd0',
      kind: 'veth',
      type: 1,
      mtu: 1500,
      link: d1.ifindex,
      linkNetnsId: undefined,
    });
    expect(d0.address).toHaveLength(6);
    expect(d0.stats?.rxPackets).toBeTypeOf('bigint');
    expect((d0.flags ?? 0) & IFF_UP).toBe(IFF_UP);
    const all = request(kernel, 'devices', RTM_GETLINK, NLM_F_DUMP, encodeLink({ ifindex: 0 })).map(decodeLink);
    expect(all.map(({ name }) => name).sort()).toEqual(expect.arrayContaining(['d0', 'd1', 'lo']));
  });

  it('that are not there, or there already, are an error with the reason', () => {
    expect(() => link('nope')).toThrow(expect.objectContaining({ code: 'ENODEV', syscall: 'RTM_GETLINK' }));
    expect(() => addVeth('d0', 'd9')).toThrow(expect.objectContaining({ code: 'EEXIST', syscall: 'RTM_NEWLINK' }));
  });

  it('are deleted', () => {
    addVeth('e0', 'e1');
    request(kernel, 'device e0', RTM_DELLINK, 0, encodeLink({ ifindex: link('e0').ifindex }));
    expect(() => link('e1')).toThrow(expect.objectContaining({ code: 'ENODEV' }));
  });

  it('of a dump that takes many messages all arrive', () => {
    for (let i = 0; i < 20; i++) addVeth(`m${i}`, `n${i}`);
    const all = request(kernel, 'devices', RTM_GETLINK, NLM_F_DUMP, encodeLink({ ifindex: 0 })).map(decodeLink);
    expect(all.filter(({ name }) => /^[mn]\d+$/.test(name ?? ''))).toHaveLength(40);
    for (let i = 0; i < 20; i++) {
      request(kernel, `device m${i}`, RTM_DELLINK, 0, encodeLink({ ifindex: link(`m${i}`).ifindex }));
    }
  });
});

describe('a clsact qdisc', () => {
  it('is added once, listed, and deleted with its filters', () => {
    const { ifindex } = link('d1');
    const listed = () =>
      request(
        kernel,
        'qdiscs',
        RTM_GETQDISC,
        NLM_F_DUMP,
        encodeQdisc({ ifindex, kind: undefined, handle: 0, parent: 0 }),
      )
        .map(decodeQdisc)
        .filter((q) => q.ifindex === ifindex)
        .map(({ kind }) => kind);
    request(kernel, 'clsact on d1', RTM_NEWQDISC, ADD, encodeQdisc(clsact(ifindex)));
    expect(listed()).toContain('clsact');
    expect(() => request(kernel, 'clsact on d1', RTM_NEWQDISC, ADD, encodeQdisc(clsact(ifindex)))).toThrow(
      expect.objectContaining({ code: 'EEXIST', detail: 'Exclusivity flag on, cannot modify' }),
    );
    request(kernel, 'clsact on d1', RTM_DELQDISC, 0, encodeQdisc(clsact(ifindex)));
    expect(listed()).not.toContain('clsact');
  });
});

describe.each([
  ['ingress', TC_H_CLSACT_INGRESS],
  ['egress', TC_H_CLSACT_EGRESS],
] as const)('a bpf filter on %s', (direction, parent) => {
  const filter = (fd: number | undefined): Filter => ({
    ifindex: link('d0').ifindex,
    parent,
    handle: 1,
    priority: 10,
    protocol: ETH_P_ALL,
    kind: 'bpf',
    bpf: fd === undefined ? undefined : { fd, name: 'counter', flags: TCA_BPF_FLAG_ACT_DIRECT },
  });

  it('runs for each frame, is replaced, shown, and deleted', () => {
    request(kernel, 'clsact on d0', RTM_NEWQDISC, NLM_F_CREATE, encodeQdisc(clsact(link('d0').ifindex)));
    const [first, second] = [makeCounter(), makeCounter()];
    const pass = loadCounter(first, TC_ACT_OK);
    request(kernel, 'filter', RTM_NEWTFILTER, ADD, encodeFilter(filter(pass)));
    for (let i = 0; i < 3; i++) lab.send('d0', direction, FRAME);
    expect(count(first)).toBe(3n);

    expect(() => request(kernel, 'filter', RTM_NEWTFILTER, ADD, encodeFilter(filter(pass)))).toThrow(
      expect.objectContaining({ code: 'EEXIST', detail: 'Filter already exists' }),
    );

    const drop = loadCounter(second, TC_ACT_SHOT);
    request(kernel, 'filter', RTM_NEWTFILTER, NLM_F_CREATE, encodeFilter(filter(drop)));
    for (let i = 0; i < 2; i++) lab.send('d0', direction, FRAME);
    expect([count(first), count(second)]).toEqual([3n, 2n]);

    const shown = filters(link('d0').ifindex, parent).filter(({ bpf }) => bpf !== undefined);
    expect(shown).toMatchObject([{ ...filter(drop), chain: 0, bpf: { name: 'counter', flags: 1, fd: undefined } }]);
    expect(shown[0]?.bpf?.tag).toHaveLength(8);
    const [one] = request(kernel, 'filter', RTM_GETTFILTER, NLM_F_ECHO, encodeFilter(filter(undefined))).map(
      decodeFilter,
    );
    expect(one).toEqual(shown[0]);

    request(kernel, 'filter', RTM_DELTFILTER, 0, encodeFilter(filter(undefined)));
    expect(filters(link('d0').ifindex, parent)).toEqual([]);
    lab.send('d0', direction, FRAME);
    expect(count(second)).toBe(2n);
    for (const fd of [pass, drop, first, second]) kernel.close(fd);
  });
});

describe('a bpf action', () => {
  const action = (bpf: Partial<BpfAction>): Action => ({
    kind: 'bpf',
    bpf: { index: 42, control: TC_ACT_PIPE, refs: 0, bindings: 0, ...bpf },
  });
  const get = () => {
    const payload = encodeActionMessage({ actions: [{ kind: 'bpf', index: 42 }] });
    return request(kernel, 'action 42', RTM_GETACTION, 0, payload).flatMap(
      (answer) => decodeActionMessage(answer).actions,
    );
  };

  it('is added, bound to later by a filter, run, and let go', async ({ skip }) => {
    const counter = makeCounter();
    const program = loadCounter(counter, TC_ACT_OK, 'sched_act');
    try {
      request(
        kernel,
        'action 42',
        RTM_NEWACTION,
        ADD,
        encodeActionMessage({ actions: [action({ fd: program, name: 'counter' })] }),
      );
    } catch (error) {
      kernel.close(program);
      kernel.close(counter);
      if (error instanceof SysError && error.code === 'ENOENT') skip(`this kernel has no act_bpf: ${error.message}`);
      throw error;
    }
    const { ifindex } = link('d0');
    const filter: Filter = {
      ifindex,
      parent: TC_H_CLSACT_INGRESS,
      handle: 1,
      priority: 3,
      protocol: ETH_P_ALL,
      kind: 'bpf',
      bpf: { ops: RETURN_ALL, actions: [action({})] },
    };
    request(kernel, 'filter', RTM_NEWTFILTER, ADD, encodeFilter(filter));
    lab.send('d0', 'ingress', FRAME);
    expect(count(counter)).toBe(1n);
    expect(get()).toMatchObject([
      { kind: 'bpf', bpf: { index: 42, control: TC_ACT_PIPE, bindings: 1, name: 'counter' } },
    ]);
    const shown = filters(ifindex, TC_H_CLSACT_INGRESS).flatMap(({ bpf }) => bpf?.actions ?? []);
    expect(shown).toMatchObject([{ kind: 'bpf', bpf: { index: 42, name: 'counter' } }]);

    request(kernel, 'filter', RTM_DELTFILTER, 0, encodeFilter({ ...filter, bpf: undefined }));
    await eventually(() =>
      // EPERM while it is bound: the kernel takes the filter apart some time after it has answered.
      request(kernel, 'action 42', RTM_DELACTION, 0, encodeActionMessage({ actions: [{ kind: 'bpf', index: 42 }] })),
    );
    expect(get).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    for (const fd of [program, counter]) kernel.close(fd);
  });
});

describe('the packet lab', () => {
  it('does not run the egress hooks of the other end of a veth for an ingress', () => {
    const { ifindex } = link('d1');
    const counter = makeCounter();
    const program = loadCounter(counter, TC_ACT_OK);
    request(kernel, 'clsact on d1', RTM_NEWQDISC, NLM_F_CREATE, encodeQdisc(clsact(ifindex)));
    request(
      kernel,
      'filter',
      RTM_NEWTFILTER,
      ADD,
      encodeFilter({
        ifindex,
        parent: TC_H_CLSACT_EGRESS,
        handle: 1,
        priority: 1,
        protocol: ETH_P_ALL,
        kind: 'bpf',
        bpf: { fd: program },
      }),
    );
    lab.send('d0', 'ingress', FRAME);
    expect(count(counter)).toBe(0n);
    lab.send('d1', 'egress', FRAME);
    expect(count(counter)).toBe(1n);
    for (const fd of [program, counter]) kernel.close(fd);
  });

  it('says what it cannot do', () => {
    expect(() => lab.send('nope', 'egress', FRAME)).toThrow(expect.objectContaining({ code: 'ENODEV' }));
    expect(() => lab.send('', 'egress', FRAME)).toThrow(expect.objectContaining({ code: 'ENODEV' }));
    expect(() => lab.send('lo', 'egress', FRAME)).toThrow(expect.objectContaining({ code: 'ENETDOWN' }));
    expect(() => lab.send('d0', 'egress', FRAME.subarray(0, 13))).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => lab.send('d0', 'egress', new Uint8Array(4000))).toThrow(expect.objectContaining({ code: 'EMSGSIZE' }));
    request(kernel, 'br0', RTM_NEWLINK, ADD, encodeLink({ ifindex: 0, name: 'br0', kind: 'bridge' }));
    setUp('br0');
    expect(() => lab.send('br0', 'ingress', FRAME)).toThrow(NotSupportedError);
  });
});

describe('netlink', () => {
  it('goes on after requests that are refused', () => {
    expect(() => kernel.netlink(new Uint8Array(4))).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => kernel.netlink(new Uint8Array(64))).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => request(kernel, 'nothing', 0x3ff, 0, new Uint8Array(0))).toThrow(
      expect.objectContaining({ code: 'EOPNOTSUPP' }),
    );
    expect(link('d0').name).toBe('d0');
  });
});
