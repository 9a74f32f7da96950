import {
  type Action,
  clsact,
  encodeFilter,
  encodeLink,
  encodeQdisc,
  type Filter,
  request,
} from '../../src/net/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import type { Direction, PacketLab } from '../../src/sys/lab.ts';
import { mapTypeNumber, progTypeNumber, TC_ACT_GOTO_CHAIN, TC_ACT_JUMP } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import * as N from '../../src/uapi/netlink.ts';
import { bytecode, I } from '../support/bytecode.ts';

/** One filter of a scenario. Its program notes its letter, and returns `returns`. */
export interface Step {
  /** A hex digit. */
  readonly letter: string;
  readonly priority: number;
  readonly returns?: number;
  /** bpf_redirect to this end of the pair, instead of a number. */
  readonly redirect?: readonly [end: 'v0' | 'v1', flags: number];
  readonly da?: boolean;
  readonly protocol?: number;
  readonly classid?: number;
  /** Classic instead: it notes nothing. */
  readonly classic?: Uint8Array;
  readonly chain?: number;
  readonly actions?: readonly StepAction[];
}

/** An action of a filter: its program notes its letter and returns `returns`; without a letter it is of kind gact. */
export interface StepAction {
  readonly letter?: string;
  readonly returns?: number;
  readonly control?: number;
  /** Of kind mirred instead: a copy goes to a device. */
  readonly mirred?: readonly [eaction: number, to: Device];
  /** Of gact: another verdict for each so many-th packet. */
  readonly each?: readonly [value: number, control: number];
}

export type Device = 'v0' | 'v1' | 'w0' | 'w1';

/** Ethernet type 0x88b5, which nobody speaks, to everybody. */
export const FRAME = Uint8Array.of(255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, ...new Uint8Array(46));
const returning = (value: number) => Uint8Array.of(6, 0, 0, 0, ...new Uint8Array(Int32Array.of(value).buffer));
const DROP_SHORT = Uint8Array.of(
  0x80,
  0,
  0,
  0,
  0,
  0,
  0,
  0, //     A = length
  0x25,
  0,
  1,
  0,
  59,
  0,
  0,
  0, //    if A > 59 skip one
  6,
  0,
  0,
  0,
  0,
  0,
  0,
  0, //        return 0
  6,
  0,
  0,
  0,
  255,
  255,
  255,
  255, // return -1
);
const OTHER_PROTOCOL = Uint8Array.of(
  0x28,
  0,
  0,
  0,
  12,
  0,
  0,
  0, //         A = half word at 12
  0x15,
  0,
  0,
  1,
  0xb5,
  0x88,
  0,
  0, //    if A == 0x88b5 go on, else skip one
  6,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  6,
  0,
  0,
  0,
  5,
  0,
  0,
  0,
);

/**
 * What programs run, in which order, when a frame is sent from v0 to v1. On v1's ingress a program notes `f`, so that it is the last letter if the
 * frame arrived.
 */
// biome-ignore format: one scenario a row
export const scenarios: readonly (readonly [name: string, direction: Direction, filters: readonly Step[], want: string])[] = [
  ['no filter', 'egress', [], 'f'],
  ['da OK ends', 'egress', [{ letter: '1', priority: 1, returns: 0, da: true }, { letter: '2', priority: 2, returns: 2, da: true }], '1f'],
  ['da SHOT drops', 'egress', [{ letter: '1', priority: 1, returns: 2, da: true }], '1'],
  ['da STOLEN consumes', 'egress', [{ letter: '1', priority: 1, returns: 4, da: true }], '1'],
  ['da TRAP consumes', 'egress', [{ letter: '1', priority: 1, returns: 8, da: true }], '1'],
  ['da UNSPEC goes on', 'egress', [{ letter: '1', priority: 1, returns: -1, da: true }, { letter: '2', priority: 2, returns: 2, da: true }], '12'],
  ['da RECLASSIFY counts as UNSPEC', 'egress', [{ letter: '1', priority: 1, returns: 1, da: true }, { letter: '2', priority: 2, returns: 0, da: true }], '12f'],
  ['da PIPE counts as UNSPEC', 'egress', [{ letter: '1', priority: 1, returns: 3, da: true }, { letter: '2', priority: 2, returns: 0, da: true }], '12f'],
  ['da with any other number goes on', 'egress', [{ letter: '1', priority: 1, returns: 77, da: true }, { letter: '2', priority: 2, returns: 2, da: true }], '12'],
  ['UNSPEC of all lets pass', 'egress', [{ letter: '1', priority: 1, returns: -1, da: true }, { letter: '2', priority: 2, returns: -1, da: true }], '12f'],
  ['priorities ascend, whatever the order in which they were added', 'egress', [{ letter: '3', priority: 30, returns: -1, da: true }, { letter: '1', priority: 10, returns: -1, da: true }, { letter: '2', priority: 20, returns: -1, da: true }], '123f'],
  ['newest first within one', 'egress', [{ letter: '3', priority: 5, returns: -1, da: true }, { letter: '2', priority: 5, returns: -1, da: true }, { letter: '1', priority: 5, returns: -1, da: true }], '123f'],
  ['another protocol does not match', 'egress', [{ letter: '1', priority: 1, returns: 2, da: true, protocol: 0x800 }, { letter: '2', priority: 2, returns: 0, da: true, protocol: 0x88b5 }], '2f'],
  ['without da 0 goes on', 'egress', [{ letter: '1', priority: 1, returns: 0 }, { letter: '2', priority: 2, returns: 2, da: true }], '12'],
  ['without da -1 is a match, and no verdict', 'egress', [{ letter: '1', priority: 1, returns: -1, classid: 0x10001 }, { letter: '2', priority: 2, returns: 2, da: true }], '1f'],
  ['without da a number is a class', 'egress', [{ letter: '1', priority: 1, returns: 2 }, { letter: '2', priority: 2, returns: 2, da: true }], '1f'],
  ['classic -1 matches', 'egress', [{ letter: '0', priority: 1, classic: returning(-1), classid: 0x10001 }, { letter: '2', priority: 2, returns: 2, da: true }], 'f'],
  ['classic 0 goes on', 'egress', [{ letter: '0', priority: 1, classic: returning(0) }, { letter: '2', priority: 2, returns: 2, da: true }], '2'],
  ['classic with da decides', 'egress', [{ letter: '0', priority: 1, classic: returning(2), da: true }], ''],
  ['classic reads the length', 'egress', [{ letter: '0', priority: 1, classic: DROP_SHORT, classid: 1 }, { letter: '2', priority: 2, returns: 2, da: true }], 'f'],
  ['classic reads the packet from its link header on', 'egress', [{ letter: '0', priority: 1, classic: OTHER_PROTOCOL }, { letter: '2', priority: 2, returns: 2, da: true }], '2'],
  ['ingress: dropped', 'ingress', [{ letter: '1', priority: 1, returns: 2, da: true }], '1'],
  ['ingress: passes', 'ingress', [{ letter: '1', priority: 1, returns: 0, da: true }], '1'],
  ['redirect from ingress out of the same device', 'ingress', [{ letter: '1', priority: 1, redirect: ['v0', 0], da: true }], '1f'],
  ['redirect into the other end', 'egress', [{ letter: '1', priority: 1, redirect: ['v1', 1], da: true }], '1f'],
  ['redirect to a device that is not there drops', 'egress', [{ letter: '1', priority: 1, returns: 7, da: true }], '1'],
];

const goto = (chain: number) => TC_ACT_GOTO_CHAIN | chain;
const jump = (skipped: number) => TC_ACT_JUMP | skipped;
/** Filters of one action each match everything. */
const all = (priority: number, actions: readonly StepAction[], chain?: number): Step => ({
  letter: '0',
  priority,
  classic: returning(-1),
  actions,
  ...(chain !== undefined && { chain }),
});
const LAST: Step = { letter: '9', priority: 9, returns: 2, da: true };

/** As {@link scenarios}, with actions. */
// biome-ignore format: one scenario a row
export const actionScenarios: typeof scenarios = [
  ['an action of a filter runs after it', 'egress', [{ letter: '1', priority: 1, returns: -1, actions: [{ letter: 'a', returns: 0 }] }], '1af'],
  ['not if the filter does not match', 'egress', [{ letter: '1', priority: 1, returns: 0, actions: [{ letter: 'a', returns: 0 }] }, LAST], '19'],
  ['not with direct action', 'egress', [{ letter: '1', priority: 1, returns: 0, da: true, actions: [{ letter: 'a', returns: 2 }] }], '1f'],
  ['OK passes', 'egress', [all(1, [{ letter: 'a', returns: 0 }, { letter: 'b', returns: 2 }]), LAST], 'af'],
  ['SHOT drops', 'egress', [all(1, [{ letter: 'a', returns: 2 }, { letter: 'b', returns: 0 }]), LAST], 'a'],
  ['PIPE goes on to the next', 'egress', [all(1, [{ letter: 'a', returns: 3 }, { letter: 'b', returns: 2 }]), LAST], 'ab'],
  ['PIPE at the end passes', 'egress', [all(1, [{ letter: 'a', returns: 3 }, { letter: 'b', returns: 3 }]), LAST], 'abf'],
  ['UNSPEC leaves it to the control: pipe', 'egress', [all(1, [{ letter: 'a', returns: -1 }, { letter: 'b', returns: 2 }]), LAST], 'ab'],
  ['UNSPEC leaves it to the control: drop', 'egress', [all(1, [{ letter: 'a', returns: -1, control: 2 }, { letter: 'b', returns: 0 }]), LAST], 'a'],
  ['UNSPEC leaves it to the control: continue', 'egress', [all(1, [{ letter: 'a', returns: -1, control: -1 }, { letter: 'b', returns: 0 }]), LAST], 'a9'],
  ['STOLEN counts as continue', 'egress', [all(1, [{ letter: 'a', returns: 4 }, { letter: 'b', returns: 0 }]), LAST], 'a9'],
  ['TRAP counts as continue', 'egress', [all(1, [{ letter: 'a', returns: 8 }]), LAST], 'a9'],
  ['any other number counts as continue', 'egress', [all(1, [{ letter: 'a', returns: 77 }]), LAST], 'a9'],
  ['a chain cannot be returned', 'egress', [all(1, [{ letter: 'a', returns: goto(5) }]), LAST], 'a9'],
  ['continue goes on to the next filter of the priority', 'egress', [{ letter: '2', priority: 1, returns: 0, da: true }, all(1, [{ letter: 'a', returns: 77 }])], 'a2f'],
  ['TRAP as control consumes', 'egress', [all(1, [{ letter: 'a', returns: -1, control: 8 }]), LAST], 'a'],
  ['gact drops', 'egress', [all(1, [{ letter: 'a', returns: 3 }, { control: 2 }, { letter: 'b', returns: 0 }]), LAST], 'a'],
  ['gact pipes', 'egress', [all(1, [{ control: 3 }, { letter: 'b', returns: 0 }]), LAST], 'bf'],
  ['goto chain', 'egress', [all(1, [{ control: goto(5) }]), { letter: '5', priority: 1, chain: 5, returns: 0, da: true }, LAST], '5f'],
  ['goto chain by a program that leaves it to its control', 'egress', [all(1, [{ letter: 'a', returns: -1, control: goto(5) }]), { letter: '5', priority: 1, chain: 5, returns: 2, da: true }], 'a5'],
  ['goto an empty chain passes', 'egress', [all(1, [{ control: goto(5) }]), LAST], 'f'],
  ['a chain that does not decide does not go back', 'egress', [all(1, [{ control: goto(5) }]), { letter: '5', priority: 1, chain: 5, returns: -1, da: true }, LAST], '5f'],
  ['a chain that goes to itself ends in a drop', 'egress', [{ letter: '1', priority: 1, returns: -1, actions: [{ control: goto(0) }] }], '1'.repeat(16)],
  ['RECLASSIFY starts again, and ends in a drop', 'egress', [{ letter: '1', priority: 1, returns: -1, actions: [{ letter: 'a', returns: 1 }] }], '1a'.repeat(8)],
  ['jump skips', 'egress', [all(1, [{ control: jump(2) }, { letter: 'b', returns: 0 }, { letter: 'c', returns: 0 }]), LAST], 'cf'],
  ['jump over all passes', 'egress', [all(1, [{ control: jump(2) }, { letter: 'b', returns: 2 }]), LAST], 'f'],
  ['jump too far passes', 'egress', [all(1, [{ control: jump(5) }, { letter: 'b', returns: 2 }]), LAST], 'f'],
  ['jump nowhere passes', 'egress', [all(1, [{ control: jump(0) }, { letter: 'b', returns: 2 }]), LAST], 'f'],
  ['jumps that do not end pass', 'egress', [all(1, [{ letter: 'a', returns: 3 }, { control: jump(1) }]), LAST], 'af'],
  ['REPEAT ends', 'egress', [all(1, [{ letter: 'a', returns: -1, control: 6 }]), LAST], `${'a'.repeat(15)}f`],
  ['at ingress, after a match', 'ingress', [all(1, [{ letter: 'a', returns: 2 }])], 'a'],
  ['redirect', 'ingress', [all(1, [{ letter: 'a', returns: 7 }])], 'a'],
  ['each second goes on to the next filter', 'egress', [all(1, [{ control: 6, each: [2, -1] }]), LAST], '9'],
  ['each is dropped', 'egress', [all(1, [{ control: 0, each: [1, 2] }]), LAST], ''],
  ['the first of ten passes', 'egress', [all(1, [{ control: 0, each: [10, 2] }]), LAST], 'f'],
];

const mirred = (eaction: number, to: Device, control = 3): StepAction => ({ mirred: [eaction, to], control });
const { TCA_EGRESS_REDIR: OUT, TCA_EGRESS_MIRROR: OUT_COPY, TCA_INGRESS_REDIR: IN, TCA_INGRESS_MIRROR: IN_COPY } = N;
const STOLEN = 4;

/** As {@link actionScenarios}, with actions of kind mirred: a frame that leaves `w0` notes c, and e when it comes in at `w1`; one that comes in at `w0` d. */
// biome-ignore format: one scenario a row
export const mirredScenarios: typeof scenarios = [
  ['a copy out of another device', 'egress', [all(1, [mirred(OUT_COPY, 'w0')]), LAST], 'cef'],
  ['a copy into another device', 'egress', [all(1, [mirred(IN_COPY, 'w0')]), LAST], 'df'],
  ['a redirect out of another device', 'egress', [all(1, [mirred(OUT, 'w0', STOLEN), mirred(IN_COPY, 'w0')]), LAST], 'ce'],
  ['a redirect into another device', 'egress', [all(1, [mirred(IN, 'w0', STOLEN)]), LAST], 'd'],
  ['a copy of what comes in, out of another device', 'ingress', [all(1, [mirred(OUT_COPY, 'w0')]), LAST], 'ce'],
  ['a copy of what comes in, into another device', 'ingress', [all(1, [mirred(IN_COPY, 'w0')]), LAST], 'd'],
  ['a redirect of what comes in, out of another device', 'ingress', [all(1, [mirred(OUT, 'w0', STOLEN)]), LAST], 'ce'],
  ['a redirect of what comes in, into another device', 'ingress', [all(1, [mirred(IN, 'w0', STOLEN)]), LAST], 'd'],
  ['several copies', 'egress', [all(1, [mirred(OUT_COPY, 'w0'), mirred(OUT_COPY, 'w0')]), LAST], 'cceef'],
  ['a copy, and a drop', 'egress', [all(1, [mirred(OUT_COPY, 'w0', 2)]), LAST], 'ce'],
  ['a copy, and on to the next filter', 'egress', [all(1, [mirred(OUT_COPY, 'w0', -1)]), LAST], 'c9e'],
  ['a copy, and to a chain', 'egress', [all(1, [mirred(OUT_COPY, 'w0', goto(5))]), { letter: '5', priority: 1, chain: 5, returns: 0, da: true }, LAST], 'c5ef'],
  ['a redirect that is to go on', 'egress', [all(1, [mirred(OUT, 'w0', 3), mirred(OUT_COPY, 'w0')]), LAST], 'cceef'],
  ['a copy to the peer', 'egress', [all(1, [mirred(IN_COPY, 'v1')]), LAST], 'ff'],
  ['a copy to itself, and so on', 'egress', [{ letter: '1', priority: 1, returns: -1, actions: [mirred(OUT_COPY, 'v0')] }, LAST], '11111ffff'],
  ['a redirect to itself, and so on', 'egress', [{ letter: '1', priority: 1, returns: -1, actions: [mirred(OUT, 'v0', STOLEN)] }, LAST], '11111'],
];

/** Runs scenarios on the pairs `v0`, `v1` and `w0`, `w1` of a kernel, which it makes. */
export class PacketBench {
  readonly #kernel: Kernel;
  readonly #lab: PacketLab;
  readonly #log: Fd;
  readonly #ifindex: Readonly<Record<Device, number>>;

  constructor(kernel: Kernel, lab: PacketLab) {
    this.#kernel = kernel;
    this.#lab = lab;
    this.#log = kernel.bpf('BPF_MAP_CREATE', {
      map_type: mapTypeNumber.array,
      key_size: 4,
      value_size: 8,
      max_entries: 1,
    });
    const ask = (type: number, flags: number, payload: Uint8Array) => request(kernel, 'the test', type, flags, payload);
    for (const pair of ['v', 'w']) {
      const link = { ifindex: 0, name: `${pair}0`, kind: 'veth', peer: { ifindex: 0, name: `${pair}1` } };
      ask(N.RTM_NEWLINK, N.NLM_F_CREATE, encodeLink(link));
    }
    const indexOf = (name: string) => {
      ask(N.RTM_NEWLINK, 0, encodeLink({ ifindex: 0, name, flags: 1, change: 1 }));
      const [answer] = ask(N.RTM_GETLINK, 0, encodeLink({ ifindex: 0, name }));
      return new DataView(answer?.slice().buffer ?? new ArrayBuffer(8)).getInt32(4, true);
    };
    this.#ifindex = { v0: indexOf('v0'), v1: indexOf('v1'), w0: indexOf('w0'), w1: indexOf('w1') };
    for (const ifindex of Object.values(this.#ifindex))
      ask(N.RTM_NEWQDISC, N.NLM_F_CREATE, encodeQdisc(clsact(ifindex)));
    this.#add('v1', N.TC_H_CLSACT_INGRESS, { letter: 'f', priority: 1, returns: 0, da: true });
    this.#add('w0', N.TC_H_CLSACT_EGRESS, { letter: 'c', priority: 1, returns: 0, da: true });
    this.#add('w0', N.TC_H_CLSACT_INGRESS, { letter: 'd', priority: 1, returns: 0, da: true });
    this.#add('w1', N.TC_H_CLSACT_INGRESS, { letter: 'e', priority: 1, returns: 0, da: true });
  }

  /** The letters of the programs that ran. */
  run(direction: Direction, filters: readonly Step[]): string {
    const parent = direction === 'ingress' ? N.TC_H_CLSACT_INGRESS : N.TC_H_CLSACT_EGRESS;
    for (const filter of filters) this.#add('v0', parent, filter);
    this.#kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: this.#log, key: new Uint8Array(4), value: new Uint8Array(8) });
    this.#lab.send('v0', direction, FRAME);
    const value = new Uint8Array(8);
    this.#kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: this.#log, key: new Uint8Array(4), value });
    for (const chain of new Set(filters.map((filter) => filter.chain ?? 0).concat(0))) {
      const none = { ifindex: this.#ifindex.v0, parent, handle: 0, priority: 0, protocol: 0, kind: undefined, chain };
      request(this.#kernel, 'the test', N.RTM_DELTFILTER, 0, encodeFilter(none));
    }
    const letters = new DataView(value.buffer).getBigUint64(0, true);
    return letters === 0n ? '' : letters.toString(16);
  }

  #add(device: Device, parent: number, step: Step): void {
    const options = step.classic === undefined ? { fd: this.#program(step), name: step.letter } : { ops: step.classic };
    const actions = step.actions?.map((action) => this.#action(action));
    const filter: Filter = {
      ifindex: this.#ifindex[device],
      parent,
      handle: 0,
      priority: step.priority,
      protocol: step.protocol ?? N.ETH_P_ALL,
      kind: 'bpf',
      chain: step.chain,
      bpf: { ...options, flags: step.da ? 1 : undefined, classid: step.classid, actions },
    };
    request(this.#kernel, 'the test', N.RTM_NEWTFILTER, N.NLM_F_CREATE | N.NLM_F_EXCL, encodeFilter(filter));
    // The filter holds the programs.
    for (const fd of [options.fd, ...(actions ?? []).map(({ bpf }) => bpf?.fd)])
      if (fd !== undefined) this.#kernel.close(fd);
  }

  #action({
    letter,
    returns = 0,
    control = 3,
    mirred,
    each,
  }: StepAction): Action & { readonly bpf?: { readonly fd: Fd } } {
    const parms = { index: 0, control, refs: 0, bindings: 0 };
    if (mirred !== undefined)
      return { kind: 'mirred', mirred: { ...parms, eaction: mirred[0], ifindex: this.#ifindex[mirred[1]] } };
    if (each !== undefined)
      return { kind: 'gact', gact: { ...parms, random: { type: N.PGACT_DETERM, value: each[0], control: each[1] } } };
    if (letter === undefined) return { kind: 'gact', gact: parms };
    return { kind: 'bpf', bpf: { ...parms, fd: this.#program({ letter, returns }, 'sched_act'), name: letter } };
  }

  #program(
    { letter, returns = 0, redirect }: Omit<Step, 'priority'>,
    type: 'sched_cls' | 'sched_act' = 'sched_cls',
  ): Fd {
    const verdict =
      redirect === undefined
        ? [I.mov(0, returns)]
        : [I.mov(1, this.#ifindex[redirect[0]]), I.mov(2, redirect[1]), I.call(23)];
    const insns = bytecode(
      I.mapValue(6, this.#log, 0),
      I.load(8, 7, 6, 0),
      { opcode: 0x67, dst: 7, imm: 4 },
      { opcode: 0x47, dst: 7, imm: Number.parseInt(letter, 16) },
      I.store(8, 6, 0, 7),
      ...verdict,
      I.exit,
    );
    return this.#kernel.bpf('BPF_PROG_LOAD', {
      prog_type: progTypeNumber[type],
      insns,
      insn_cnt: insns.length / 8,
      license: 'GPL',
    });
  }
}
