import type { Action, MirredAction } from '../../src/net/index.ts';
import { encodeLink } from '../../src/net/index.ts';
import { TC_ACT_GOTO_CHAIN, TC_ACT_OK, TC_ACT_PIPE, TC_ACT_SHOT, TC_ACT_STOLEN } from '../../src/uapi/bpf.ts';
import * as N from '../../src/uapi/netlink.ts';
import type { ActionBench } from './actions.ts';
import { said } from './rtnetlink.ts';

type Step = readonly [name: string, step: (p: ActionBench) => unknown, want: unknown];

const ADD = N.NLM_F_CREATE | N.NLM_F_EXCL;
const REPLACE = N.NLM_F_CREATE | N.NLM_F_REPLACE;

function mirred(p: ActionBench, index: number, more: Partial<MirredAction> = {}, device = 'v1'): Action {
  const parms = { index, control: TC_ACT_PIPE, refs: 0, bindings: 0, eaction: N.TCA_EGRESS_MIRROR };
  return { kind: 'mirred', mirred: { ...parms, ifindex: device === '' ? 0 : p.link(device).ifindex, ...more } };
}
const add = (p: ActionBench, ...actions: readonly Action[]) => p.action(N.RTM_NEWACTION, ADD, actions);
const replace = (p: ActionBench, ...actions: readonly Action[]) => p.action(N.RTM_NEWACTION, REPLACE, actions);
/** `index eaction device verdict refs/bindings`, the device relative to v0. */
const list = (p: ActionBench) => {
  const shown = p.list('mirred'); // waits until filters are gone
  const first = shown.length === 0 ? 0 : said(() => p.link('v0').ifindex);
  return p
    .action(N.RTM_GETACTION, N.NLM_F_DUMP, [{ kind: 'mirred' }], { flags: N.TCA_ACT_FLAG_LARGE_DUMP_ON })
    .map(({ mirred: m }) => {
      const device = m?.ifindex === 0 ? 'gone' : m?.ifindex === first ? 'v0' : 'v1';
      return `${m?.index} ${m?.eaction} ${device} ${m?.control} ${m?.refs}/${m?.bindings}`;
    });
};

/** Actions of kind mirred: steps that are made one after the other, each with what the kernel says. */
// biome-ignore format: one step a line
export const mirredSteps: readonly Step[] = [
  ['a veth pair', (p) => p.addLink({ name: 'v0', kind: 'veth', peer: { ifindex: 0, name: 'v1' } }), 'ok'],
  ['clsact', (p) => p.qdisc(N.RTM_NEWQDISC, ADD), 'ok'],
  ['none', (p) => list(p), []],
  ['one with an index', (p) => [add(p, mirred(p, 5)), list(p)], [[], ['5 2 v1 3 1/0']]],
  ['again', (p) => add(p, mirred(p, 5)), 'EEXIST'],
  ['again, of a kind that there is not', (p) => add(p, mirred(p, 5, { eaction: 9 })), 'EINVAL act_mirred: Unknown mirred option'],
  ['of every kind', (p) => [add(p, ...[N.TCA_EGRESS_REDIR, N.TCA_INGRESS_REDIR, N.TCA_INGRESS_MIRROR].map((eaction) => mirred(p, 0, { eaction, control: TC_ACT_STOLEN }, 'v0'))), list(p)], [[], ['1 1 v0 4 1/0', '2 3 v0 4 1/0', '3 4 v0 4 1/0', '5 2 v1 3 1/0']]],
  ['of kind 0', (p) => add(p, mirred(p, 9, { eaction: 0 })), 'EINVAL act_mirred: Unknown mirred option'],
  ['without a device', (p) => add(p, mirred(p, 9, {}, '')), 'EINVAL act_mirred: Must specify device or block'],
  ['to a device that there is not', (p) => add(p, mirred(p, 9, { ifindex: 9999 })), 'ENODEV'],
  ['to a device of a negative number', (p) => add(p, mirred(p, 9, { ifindex: 0xffffffff })), 'ENODEV'],
  ['to a device and a block', (p) => [add(p, mirred(p, 9, { block: 3 })), p.action(N.RTM_DELACTION, 0, [{ kind: 'mirred', index: 9 }])], 'EINVAL act_mirred: Cannot specify Block ID and dev simultaneously'],
  ['with a verdict that there is not', (p) => add(p, mirred(p, 9, { control: 9 })), 'EINVAL invalid control action'],
  ['that goes to a chain, of no filter', (p) => add(p, mirred(p, 9, { control: TC_ACT_GOTO_CHAIN | 3 })), "EINVAL can't goto NULL proto/chain"],
  ['without options', (p) => add(p, { kind: 'mirred' }), 'EINVAL act_mirred: Mirred requires attributes to be passed'],
  ['for no software', (p) => add(p, { ...mirred(p, 9), flags: N.TCA_ACT_FLAGS_SKIP_SW }), 'EINVAL'],
  ['none of two, if one is refused', (p) => add(p, mirred(p, 9), mirred(p, 5)), 'EEXIST'],
  ['refused ones leave nothing', (p) => list(p), ['1 1 v0 4 1/0', '2 3 v0 4 1/0', '3 4 v0 4 1/0', '5 2 v1 3 1/0']],
  ['replacing one', (p) => [replace(p, mirred(p, 5, { eaction: N.TCA_INGRESS_REDIR, control: TC_ACT_SHOT }, 'v0')), list(p)[3]], [[], '5 3 v0 2 1/0']],
  ['replacing one and leaving its device', (p) => [replace(p, mirred(p, 5, { control: TC_ACT_OK }, '')), list(p)[3]], [[], '5 2 v0 0 1/0']],
  ['a replacement that is refused', (p) => [said(() => replace(p, mirred(p, 5, { ifindex: 9999 }))), list(p)[3]], ['ENODEV', '5 2 v0 0 1/0']],
  ['a filter binds to one', (p) => [p.bind([mirred(p, 5, { eaction: 9, ifindex: 9999 })]), list(p)[3]], [[], '5 2 v0 0 2/1']],
  ['a filter with one of its own', (p) => [p.bind([mirred(p, 0)], { priority: 2 }), list(p)], [[], ['1 1 v0 4 1/0', '2 3 v0 4 1/0', '3 4 v0 4 1/0', '4 2 v1 3 1/1', '5 2 v0 0 2/1']]],
  ['a filter that binds to one that is not there', (p) => p.bind([mirred(p, 77, {}, '')], { priority: 3 }), 'EINVAL act_mirred: Must specify device or block'],
  ['the filters go', (p) => [p.unbind(), list(p)], [[], ['1 1 v0 4 1/0', '2 3 v0 4 1/0', '3 4 v0 4 1/0', '5 2 v0 0 1/0']]],
  ['the devices go, the actions stay', (p) => [p.ask(N.RTM_DELLINK, 0, encodeLink({ ifindex: p.link('v0').ifindex })), list(p)], [[], ['1 1 gone 4 1/0', '2 3 gone 4 1/0', '3 4 gone 4 1/0', '5 2 gone 0 1/0']]],
  ['one that has no device any more is replaced', (p) => [replace(p, mirred(p, 5, {}, '')), list(p)[3]], [[], '5 2 gone 3 1/0']],
  ['all go', (p) => [p.flush('mirred'), list(p)], [[], []]],
];
