import {
  type Action,
  type ActionMessage,
  actionParms,
  type BpfAction,
  type Chain,
  decodeActionMessage,
  decodeChain,
  encodeActionMessage,
  encodeChain,
  encodeLink,
  type Filter,
} from '../../src/net/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import {
  TC_ACT_GOTO_CHAIN,
  TC_ACT_JUMP,
  TC_ACT_OK,
  TC_ACT_PIPE,
  TC_ACT_RECLASSIFY,
  TC_ACT_SHOT,
} from '../../src/uapi/bpf.ts';
import * as N from '../../src/uapi/netlink.ts';
import { Pair, said } from './rtnetlink.ts';

const ADD = N.NLM_F_CREATE | N.NLM_F_EXCL;
const REPLACE = N.NLM_F_CREATE | N.NLM_F_REPLACE;
const RETURN_ALL = Uint8Array.of(6, 0, 0, 0, 255, 255, 255, 255);
const BROKEN = Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0);

/** The pair of devices of a kernel, and what is done to actions, blocks and chains there. */
export class ActionBench extends Pair {
  readonly #settle: () => void;

  /** `settle` waits until the kernel has taken apart what it has let go. */
  constructor(kernel: Kernel, settle: () => void = () => {}) {
    super(kernel);
    this.#settle = settle;
  }

  action(type: number, flags: number, actions: readonly Action[], more: Partial<ActionMessage> = {}): Action[] {
    const answers = this.ask(type, flags, encodeActionMessage({ actions, ...more }));
    return answers.flatMap((answer) => [...decodeActionMessage(answer).actions]);
  }
  /** All of a kind: `index verdict refs/bindings`. */
  list(kind = 'bpf', more: Partial<ActionMessage> = { flags: N.TCA_ACT_FLAG_LARGE_DUMP_ON }): string[] {
    this.#settle();
    return this.action(N.RTM_GETACTION, N.NLM_F_DUMP, [{ kind }], more).map(short);
  }
  add(...actions: readonly Action[]): unknown {
    return this.action(N.RTM_NEWACTION, ADD, actions);
  }
  replace(...actions: readonly Action[]): unknown {
    return this.action(N.RTM_NEWACTION, REPLACE, actions);
  }
  remove(...indices: readonly number[]): unknown {
    this.#settle();
    return this.action(
      N.RTM_DELACTION,
      0,
      indices.map((index) => ({ kind: 'bpf', index })),
    );
  }
  flush(kind = 'bpf'): unknown {
    this.#settle();
    return this.action(N.RTM_DELACTION, N.NLM_F_ROOT, [{ kind }]);
  }
  /** A filter that matches everything, with actions. */
  bind(actions: readonly Action[], more: Partial<Filter> = {}, flags = ADD): unknown {
    const bpf = { ops: RETURN_ALL, actions };
    return this.filter(N.RTM_NEWTFILTER, flags, { kind: 'bpf', protocol: N.ETH_P_ALL, priority: 1, bpf, ...more });
  }
  /** The actions of all filters of a hook. */
  bound(more: Partial<Filter> = {}): string[] {
    this.#settle();
    return this.filter(N.RTM_GETTFILTER, N.NLM_F_DUMP, more).flatMap(({ bpf }) => (bpf?.actions ?? []).map(short));
  }
  unbind(more: Partial<Filter> = {}): unknown {
    return this.filter(N.RTM_DELTFILTER, 0, more);
  }
  chain(type: number, flags: number, chain: Partial<Chain>, device = 'v0'): Chain[] {
    const hook = { ifindex: this.link(device).ifindex, parent: N.TC_H_CLSACT_EGRESS };
    return this.ask(type, flags, encodeChain({ ...hook, ...chain })).map(decodeChain);
  }
  chains(chain: Partial<Chain> = {}): string[] {
    return this.chain(N.RTM_GETCHAIN, N.NLM_F_DUMP, chain).map(({ block, parent, chain: index }) =>
      block === undefined ? `${parent.toString(16)} ${index}` : `block ${block} ${index}`,
    );
  }
}

function short(action: Action): string {
  const { index, control, refs, bindings } = actionParms(action) ?? { index: 0, control: 0, refs: 0, bindings: 0 };
  const cookie = action.cookie === undefined ? '' : ` cookie ${[...action.cookie].join('.')}`;
  const flags = action.flags === undefined ? '' : ` flags ${action.flags}`;
  const stats = action.hwStats === undefined ? '' : ` hw_stats ${action.hwStats}`;
  const { name, opsLen } = action.bpf ?? {};
  const what = opsLen === undefined ? (name ?? action.kind) : `ops ${opsLen}`;
  return `${index} ${what} ${control.toString(16)} ${refs}/${bindings}${cookie}${flags}${stats}`;
}

const classic = (index: number, bpf: Partial<BpfAction> = {}, more: Partial<Action> = {}): Action => ({
  kind: 'bpf',
  bpf: { index, control: TC_ACT_PIPE, refs: 0, bindings: 0, ops: RETURN_ALL, ...bpf },
  ...more,
});
const late = (index: number): Action => ({
  kind: 'bpf',
  bpf: { index, control: TC_ACT_PIPE, refs: 0, bindings: 0 },
});
const gact = (index: number, control: number): Action => ({
  kind: 'gact',
  gact: { index, control, refs: 0, bindings: 0 },
});
const MISSING = 'ENOENT TC action with specified index not found';
const MISMATCH = 'EINVAL Mismatch between action and filter offload flags';
const SHARED = 'EOPNOTSUPP This filter block is shared. Please use the block index to manipulate the filters';

type Step = readonly [name: string, step: (p: ActionBench) => unknown, want: unknown];

/** Steps that are made one after the other, each with what the kernel says. */
// biome-ignore format: one step a line
export const actionSteps: readonly Step[] = [
  ['a veth pair', (p) => p.addLink({ name: 'v0', kind: 'veth', peer: { ifindex: 0, name: 'v1' } }), 'ok'],
  ['up', (p) => [p.addLink({ name: 'v0', flags: 1, change: 1 }, 0), p.addLink({ name: 'v1', flags: 1, change: 1 }, 0)].length, 2],
  ['clsact', (p) => p.qdisc(N.RTM_NEWQDISC, ADD), 'ok'],

  ['no actions', (p) => p.list(), []],
  ['of a kind that is not there', (p) => p.list('nosuch'), []],
  ['getting one that is not there', (p) => p.action(N.RTM_GETACTION, 0, [{ kind: 'bpf', index: 42 }]), MISSING],
  ['getting one of no index', (p) => p.action(N.RTM_GETACTION, 0, [{ kind: 'bpf' }]), 'EINVAL Invalid TC action index value'],
  ['getting one of a kind that is not there', (p) => p.action(N.RTM_GETACTION, 0, [{ kind: 'nosuch', index: 1 }]), 'EINVAL Specified TC action kind not found'],
  ['deleting one that is not there', (p) => p.remove(42), MISSING],
  ['flushing none', (p) => p.flush(), []],
  ['flushing a kind that is not there', (p) => p.flush('nosuch'), 'EINVAL Cannot flush unknown TC action'],
  ['no list of actions', (p) => p.ask(N.RTM_NEWACTION, ADD, new Uint8Array(4)), 'EINVAL Netlink action attributes missing'],

  ['one with an index', (p) => p.add(classic(42, { control: TC_ACT_OK })), []],
  ['again', (p) => p.add(classic(42)), 'EEXIST'],
  ['one that is to get an index', (p) => [p.add(classic(0)), p.list()], [[], ['1 ops 1 3 1/0', '42 ops 1 0 1/0']]],
  ['the next free one', (p) => [p.add(classic(3)), p.add(classic(0)), p.add(classic(0)), p.list()], [[], [], [], ['1 ops 1 3 1/0', '2 ops 1 3 1/0', '3 ops 1 3 1/0', '4 ops 1 3 1/0', '42 ops 1 0 1/0']]],
  ['several are deleted', (p) => [p.remove(1, 2), p.list()], [[], ['3 ops 1 3 1/0', '4 ops 1 3 1/0', '42 ops 1 0 1/0']]],
  ['up to nothing, if one is not there', (p) => [said(() => p.remove(3, 9)), p.list()], [MISSING, ['3 ops 1 3 1/0', '4 ops 1 3 1/0', '42 ops 1 0 1/0']]],
  ['an eBPF program, with a name', (p) => [p.add(classic(7, { ops: undefined, fd: p.prog('sched_act'), name: 'p:[x]' })), p.list()[2]], [[], '7 p:[x] 3 1/0']],
  ['asking for it', (p) => p.action(N.RTM_GETACTION, 0, [{ kind: 'bpf', index: 7 }]).map(({ bpf }) => [bpf?.index, bpf?.refs, bpf?.id === undefined, bpf?.tag?.length]), [[7, 1, false, 8]]],
  ['echoed when it is made', (p) => p.action(N.RTM_NEWACTION, ADD | N.NLM_F_ECHO, [classic(8)]).map(short), ['8 ops 1 3 1/0']],
  ['without a kind', (p) => p.add({ kind: undefined }), 'EINVAL TC action kind must be specified'],
  ['of a kind that is not there', (p) => p.add({ ...classic(9), kind: 'nosuch', bpf: undefined, options: new Uint8Array(0) }), 'ENOENT Failed to load TC action module'],
  ['of a kind whose name is too long', (p) => p.add({ kind: 'a'.repeat(16) }), 'EINVAL TC action name too long'],
  ['without options', (p) => p.add({ kind: 'bpf' }), 'EINVAL'],
  ['without a program', (p) => p.add(late(9)), 'EINVAL'],
  ['with two', (p) => p.add(classic(9, { fd: p.prog('sched_act') })), 'EINVAL'],
  ['with a program of another type', (p) => p.add(classic(9, { ops: undefined, fd: p.prog('sched_cls') })), 'EINVAL'],
  ['with a bad fd', (p) => p.add(classic(9, { ops: undefined, fd: 9999 })), 'EBADF'],
  ['with the fd of a map', (p) => p.add(classic(9, { ops: undefined, fd: p.map() })), 'EINVAL'],
  ['with classic code that has no end', (p) => p.add(classic(9, { ops: BROKEN })), 'EINVAL'],
  ['with a verdict that there is not', (p) => p.add(classic(9, { control: 9 })), 'EINVAL invalid control action'],
  ['with another one', (p) => p.add(classic(9, { control: 0x30000000 })), 'EINVAL invalid control action'],
  ['that goes to a chain, of no filter', (p) => p.add(classic(9, { control: TC_ACT_GOTO_CHAIN | 3 })), "EINVAL can't goto NULL proto/chain"],
  ['that is for no software', (p) => p.add(classic(9, {}, { flags: N.TCA_ACT_FLAGS_SKIP_SW })), 'EOPNOTSUPP'],
  ['that is for nobody', (p) => p.add(classic(9, {}, { flags: N.TCA_ACT_FLAGS_SKIP_SW | N.TCA_ACT_FLAGS_SKIP_HW })), 'EINVAL'],
  ['with a cookie that is too long', (p) => p.add(classic(9, {}, { cookie: new Uint8Array(17) })), 'ERANGE Attribute failed policy validation'],
  ['two of one index', (p) => p.add(classic(9), classic(9)), 'EAGAIN'],
  ['none of two, if one is refused', (p) => p.add(classic(9), classic(42)), 'EEXIST'],
  ['refused ones leave nothing', (p) => p.list(), ['3 ops 1 3 1/0', '4 ops 1 3 1/0', '7 p:[x] 3 1/0', '8 ops 1 3 1/0', '42 ops 1 0 1/0']],
  ['with everything', (p) => [p.add(classic(9, { control: TC_ACT_JUMP | 2 }, { cookie: Uint8Array.of(170, 187), flags: 1, hwStats: 0 })), p.list()[4]], [[], '9 ops 1 10000002 1/0 cookie 170.187 flags 1 hw_stats 0']],
  ['replacing one that is not there makes it', (p) => [p.replace(classic(10)), p.list()[5]], [[], '10 ops 1 3 1/0']],
  ['replacing one', (p) => [p.replace(classic(10, { control: TC_ACT_SHOT, ops: new Uint8Array([...RETURN_ALL, ...RETURN_ALL]) })), p.list()[5]], [[], '10 ops 2 2 1/0']],
  ['replacing one by a program', (p) => [p.replace(classic(10, { ops: undefined, fd: p.prog('sched_act'), name: 'q' })), p.list()[5]], [[], '10 q 3 1/0']],
  ['a replacement that is refused', (p) => [said(() => p.replace(classic(10, { ops: BROKEN }))), p.list()[5]], ['EINVAL', '10 q 3 1/0']],
  ['a replacement keeps the cookie', (p) => [p.replace(classic(9)), p.list()[4]], [[], '9 ops 1 3 1/0 cookie 170.187 flags 1']],
  ['of 40, with the flag all in one message', (p) => [p.add(...Array.from({ length: 32 }, () => classic(0))), p.list().length], [[], 39]],
  ['without it, at most 32 in one', (p) => p.ask(N.RTM_GETACTION, N.NLM_F_DUMP, encodeActionMessage({ actions: [{ kind: 'bpf' }] })).map(decodeActionMessage).every(({ actions, count }) => actions.length <= 32 && count === 0), true],
  ['with it, their number', (p) => p.ask(N.RTM_GETACTION, N.NLM_F_DUMP, encodeActionMessage({ actions: [{ kind: 'bpf' }], flags: 1 })).reduce((sum, m) => sum + (decodeActionMessage(m).count ?? 0), 0), 39],
  ['flushing', (p) => [p.flush(), p.list()], [[], []]],

  ['a filter that binds to one that is not there', (p) => p.bind([late(42)]), 'EINVAL'],
  ['leaves nothing', (p) => [p.list(), p.filters()], [[], []]],
  ['a filter that binds late', (p) => [p.add(classic(42, { control: TC_ACT_OK })), p.bind([late(42)]), p.bound(), p.list()], [[], [], ['42 ops 1 0 2/1'], ['42 ops 1 0 2/1']]],
  ['a bound one stays', (p) => [said(() => p.remove(42)), said(() => p.flush()), p.list()], ['EPERM Failed to delete TC action', 'EPERM', ['42 ops 1 0 2/1']]],
  ['it can be replaced', (p) => [p.replace(classic(42, { control: TC_ACT_SHOT })), p.bound()], [[], ['42 ops 1 2 2/1']]],
  ['a filter with actions of its own', (p) => [p.bind([classic(0), classic(50), late(42)], { priority: 2 }), p.bound({ priority: 2 })], [[], ['1 ops 1 3 1/1', '50 ops 1 3 1/1', '42 ops 1 2 3/2']]],
  ['what is said of one that is there counts for nothing', (p) => [p.bind([classic(50, { control: TC_ACT_SHOT, ops: BROKEN })], { priority: 3 }), p.bound({ priority: 3 })], [[], ['50 ops 1 3 2/2']]],
  ['flushing goes up to the first that is bound', (p) => [p.add(classic(43)), said(() => p.flush()), p.list()], [[], 'EPERM', ['1 ops 1 3 1/1', '42 ops 1 2 3/2', '43 ops 1 3 1/0', '50 ops 1 3 2/2']]],
  ['one more filter binds to one of another', (p) => [p.unbind({ priority: 2 }), p.bound()], [[], ['42 ops 1 2 2/1', '50 ops 1 3 1/1']]],
  ['a filter takes its own along', (p) => [p.unbind({ priority: 3 }), p.list()], [[], ['42 ops 1 2 2/1', '43 ops 1 3 1/0']]],
  ['a filter that is refused lets go', (p) => [said(() => p.bind([late(42), classic(0)], { priority: 3, bpf: { fd: 9999, actions: [late(42), classic(0)] } })), p.list()], ['EBADF', ['42 ops 1 2 2/1', '43 ops 1 3 1/0']]],
  ['so does one of which one action is refused', (p) => [said(() => p.bind([late(42), classic(0), late(77)], { priority: 3 })), p.list()], ['EINVAL', ['42 ops 1 2 2/1', '43 ops 1 3 1/0']]],
  ['replacing a filter changes its actions', (p) => [p.bind([late(43)], { handle: 1 }, N.NLM_F_CREATE), p.list()], [[], ['42 ops 1 2 1/0', '43 ops 1 3 2/1']]],
  ['one that keeps off hardware suits no filter', (p) => [p.add(classic(44, {}, { flags: N.TCA_ACT_FLAGS_SKIP_HW })), said(() => p.bind([late(44)], { priority: 3 })), said(() => p.bind([late(44)], { priority: 3, bpf: { ops: RETURN_ALL, flagsGen: 1, actions: [late(44)] } })), p.remove(44)], [[], MISMATCH, MISMATCH, []]],
  ['no filter', (p) => [p.unbind(), p.list()], [[], ['42 ops 1 2 1/0', '43 ops 1 3 1/0']]],
  ['then all go', (p) => [p.remove(42, 43), p.list()], [[], []]],

  ['of kind gact', (p) => [p.action(N.RTM_NEWACTION, ADD, [gact(0, TC_ACT_SHOT)]), p.list('gact')], [[], ['1 gact 2 1/0']]],
  ['beside one of another kind', (p) => [p.add(classic(1)), p.list(), p.flush(), p.list('gact')], [[], ['1 ops 1 3 1/0'], [], ['1 gact 2 1/0']]],
  ['of a filter', (p) => [p.bind([gact(1, 0), gact(0, TC_ACT_RECLASSIFY)]), p.bound()], [[], ['1 gact 2 2/1', '2 gact 1 1/1']]],
  ['gone with it', (p) => [p.unbind(), p.flush('gact'), p.list('gact')], [[], [], []]],

  ['no chains', (p) => p.chains(), []],
  ['a chain', (p) => [p.chain(N.RTM_NEWCHAIN, ADD, { chain: 5 }), p.chains()], [[], ['ffff0000 5']]],
  ['again', (p) => p.chain(N.RTM_NEWCHAIN, ADD, { chain: 5 }), 'EEXIST Filter chain already exists'],
  ['one that is not to be made', (p) => p.chain(N.RTM_NEWCHAIN, 0, { chain: 6 }), 'ENOENT Need both RTM_NEWCHAIN and NLM_F_CREATE to create a new chain'],
  ['one of too high a number', (p) => p.chain(N.RTM_NEWCHAIN, ADD, { chain: 0x10000000 }), 'EINVAL Specified chain index exceeds upper limit'],
  ['one with a template', (p) => p.chain(N.RTM_NEWCHAIN, ADD, { chain: 6, kind: 'bpf' }), 'EOPNOTSUPP Chain templates are not supported with specified classifier'],
  ['one with a template of a kind that is not there', (p) => p.chain(N.RTM_NEWCHAIN, ADD, { chain: 6, kind: 'nosuch' }), 'ENOENT TC classifier not found'],
  ['without a hook', (p) => p.chain(N.RTM_NEWCHAIN, ADD, { chain: 6, parent: 0 }), 'EINVAL Qdisc not classful'],
  ['asking for it', (p) => p.chain(N.RTM_GETCHAIN, 0, { chain: 5 }).map(({ chain, parent }) => [chain, parent]), [[5, 0xffff0000]]],
  ['for one that is not there', (p) => p.chain(N.RTM_GETCHAIN, 0, { chain: 6 }), 'EINVAL Cannot find specified filter chain'],
  ['an action that goes to one does not show it', (p) => [p.bind([gact(0, TC_ACT_GOTO_CHAIN | 9)], { parent: N.TC_H_CLSACT_EGRESS }), p.chains(), said(() => p.chain(N.RTM_DELCHAIN, 0, { chain: 9 }))], [[], ['ffff0000 5', 'ffff0000 0'], 'EINVAL Cannot find specified filter chain']],
  ['a filter in it does', (p) => [p.bind([], { parent: N.TC_H_CLSACT_EGRESS, chain: 9 }), p.chains()], [[], ['ffff0000 5', 'ffff0000 0', 'ffff0000 9']]],
  ['deleting it takes the filter along', (p) => [p.chain(N.RTM_DELCHAIN, 0, { chain: 9 }), p.chains(), p.filters(N.TC_H_CLSACT_EGRESS, { chain: 9 })], [[], ['ffff0000 5', 'ffff0000 0'], []]],
  ['a chain that is there only for actions can be made', (p) => [p.chain(N.RTM_NEWCHAIN, ADD, { chain: 9 }), p.chains()], [[], ['ffff0000 5', 'ffff0000 0', 'ffff0000 9']]],
  ['its filters go, it stays', (p) => [p.bind([], { parent: N.TC_H_CLSACT_EGRESS, chain: 5 }), p.unbind({ parent: N.TC_H_CLSACT_EGRESS, chain: 5 }), p.chains()], [[], [], ['ffff0000 5', 'ffff0000 0', 'ffff0000 9']]],
  ['deleting it', (p) => [p.chain(N.RTM_DELCHAIN, 0, { chain: 5 }), p.chains()], [[], ['ffff0000 0', 'ffff0000 9']]],
  ['deleting it again', (p) => p.chain(N.RTM_DELCHAIN, 0, { chain: 5 }), 'EINVAL Cannot find specified filter chain'],
  ['no filters in a chain that is not there, to flush', (p) => p.unbind({ parent: N.TC_H_CLSACT_EGRESS, chain: 77 }), []],
  ['the qdisc goes with all', (p) => [p.qdisc(N.RTM_DELQDISC, 0), p.list('gact'), p.chains()].slice(1), [[], []]],

  ['a block of number 0', (p) => p.qdisc(N.RTM_NEWQDISC, ADD, { ingressBlock: 0 }), 'EINVAL Ingress block index cannot be 0'],
  ['a block for egress on ingress', (p) => p.qdisc(N.RTM_NEWQDISC, ADD, { kind: 'ingress', egressBlock: 5 }), 'EOPNOTSUPP Egress block sharing is not supported'],
  ['blocks', (p) => p.qdisc(N.RTM_NEWQDISC, ADD, { ingressBlock: 22, egressBlock: 23 }), 'ok'],
  ['one of them on another device', (p) => p.qdisc(N.RTM_NEWQDISC, ADD, { ingressBlock: 22, kind: 'ingress' }, 'v1'), 'ok'],
  ['a filter by the device', (p) => p.bind([]), SHARED],
  ['a filter by a block that is not there', (p) => p.bind([], { block: 24 }), 'EINVAL Block of given index was not found'],
  ['a filter by the block', (p) => [p.bind([classic(3)], { block: 22 }), p.bound({ block: 22 })], [[], ['3 ops 1 3 1/1']]],
  ['is seen by both devices', (p) => ['v0', 'v1'].map((device) => p.filter(N.RTM_GETTFILTER, N.NLM_F_DUMP, {}, device).map(({ ifindex, block, handle }) => [ifindex, block, handle])), [[[0, 22, 0], [0, 22, 1]], [[0, 22, 0], [0, 22, 1]]]],
  ['not in the other block', (p) => p.bound({ block: 23 }), []],
  ['getting it', (p) => p.filter(N.RTM_GETTFILTER, 0, { block: 22, priority: 1, handle: 1, protocol: N.ETH_P_ALL, kind: 'bpf' }).map(({ block, handle }) => [block, handle]), [[22, 1]]],
  ['a chain of the block', (p) => [p.chain(N.RTM_NEWCHAIN, ADD, { block: 22, chain: 4 }), p.chains({ block: 22 }), p.chains({ parent: N.TC_H_CLSACT_INGRESS }), p.chains()], [[], ['block 22 0', 'block 22 4'], ['block 22 0', 'block 22 4'], []]],
  ['a chain by the device', (p) => p.chain(N.RTM_NEWCHAIN, ADD, { chain: 4 }), SHARED],
  ['chains of a block that is not there', (p) => p.chains({ block: 24 }), []],
  ['one device goes, the filter stays', (p) => [p.qdisc(N.RTM_DELQDISC, 0), p.bound({ block: 22 })].slice(1), [['3 ops 1 3 1/1']]],
  ['the other goes, and all with it', (p) => [p.qdisc(N.RTM_DELQDISC, 0, { kind: 'ingress' }, 'v1'), p.bound({ block: 22 }), p.list(), said(() => p.bind([], { block: 22 }))].slice(1), [[], [], 'EINVAL Block of given index was not found']],
  ['the devices go', (p) => p.ask(N.RTM_DELLINK, 0, encodeLinkOf(p, 'v0')), []],
];

function encodeLinkOf(p: Pair, name: string): Uint8Array {
  return encodeLink({ ifindex: p.link(name).ifindex });
}
