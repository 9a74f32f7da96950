import type { ProgramInfo } from '../../loader/info.ts';
import type { FilterPlace } from '../../loader/tc.ts';
import { type Filter, formatClassid } from '../../net/index.ts';
import type { Kernel } from '../../sys/kernel.ts';
import {
  TC_H_CLSACT_EGRESS,
  TC_H_CLSACT_INGRESS,
  TCA_BPF_FLAG_ACT_DIRECT,
  TCA_CLS_FLAGS_IN_HW,
  TCA_CLS_FLAGS_NOT_IN_HW,
  TCA_CLS_FLAGS_SKIP_HW,
  TCA_CLS_FLAGS_SKIP_SW,
} from '../../uapi/netlink.ts';
import { actionJson, actionText, type DumpedAction, dumpAction } from './tc-action-text.ts';
import { programJson, programOf, programText, type Shown } from './tc-program-text.ts';
import { formatProtocol } from './tc-words.ts';

/** A filter with what the kernel says of its program, and what the command that asked for it has said already. */
export interface DumpedFilter {
  readonly filter: Filter;
  readonly program: ProgramInfo | undefined;
  readonly actions: readonly DumpedAction[];
  /** Not repeated in the output. */
  readonly place: Partial<FilterPlace>;
  readonly shown: Shown;
}

export function dumpFilter(kernel: Kernel, filter: Filter, place: Partial<FilterPlace>, shown: Shown): DumpedFilter {
  const actions = (filter.bpf?.actions ?? []).map((action) => dumpAction(kernel, action, shown));
  return { filter, program: programOf(kernel, filter.bpf), actions, place, shown };
}

/** The generic flags in tc's order. */
// biome-ignore format: aligned table
const FLAGS = [
  [TCA_CLS_FLAGS_SKIP_HW, 'skip_hw'], [TCA_CLS_FLAGS_SKIP_SW, 'skip_sw'], [TCA_CLS_FLAGS_IN_HW, 'in_hw'], [TCA_CLS_FLAGS_NOT_IN_HW, 'not_in_hw'],
] as const;

function flagNames({ bpf }: Filter): string[] {
  return FLAGS.filter(([bit]) => ((bpf?.flagsGen ?? 0) & bit) !== 0).map(([, name]) => name);
}

function parentWord(parent: number): string {
  if (parent === TC_H_CLSACT_INGRESS) return 'ingress';
  return parent === TC_H_CLSACT_EGRESS ? 'egress' : `parent ${formatClassid(parent)}`;
}

/** As tc prints it: one line, blank at the end included, and a paragraph for each action. */
export function filterText({ filter, program, actions, place, shown }: DumpedFilter): string {
  const { bpf, kind = '', protocol, priority, chain = 0, handle, block } = filter;
  const words = ['filter'];
  if (block !== undefined) {
    if (place.block !== block) words.push(`block ${block}`);
  } else if (!place.parent) words.push(parentWord(filter.parent));
  if (place.protocol === undefined) words.push(`protocol ${formatProtocol(protocol)}`);
  if (place.priority === undefined) words.push(`pref ${priority}`);
  words.push(kind);
  if (place.chain === undefined) words.push(`chain ${chain}`);
  if (bpf !== undefined) {
    if (handle !== 0) words.push(`handle 0x${handle.toString(16)}`);
    if (bpf.classid !== undefined) words.push(`flowid ${formatClassid(bpf.classid)}`);
    if (bpf.name !== undefined) words.push(bpf.name);
    if (((bpf.flags ?? 0) & TCA_BPF_FLAG_ACT_DIRECT) !== 0) words.push('direct-action');
    words.push(...flagNames(filter));
  }
  const line = `${words.join(' ')} ${bpf === undefined ? '' : programText(bpf, program, shown)}`;
  return [line, ...actions.map((action, i) => actionText(action, i + 1, true))].join('');
}

export function filterJson({ filter, program, actions, place, shown }: DumpedFilter): object {
  const { bpf, kind, protocol, priority, chain = 0, handle } = filter;
  return {
    ...hookJson(filter, place),
    protocol: place.protocol === undefined ? formatProtocol(protocol) : undefined,
    pref: place.priority === undefined ? priority : undefined,
    kind,
    chain: place.chain === undefined ? chain : undefined,
    options: bpf && {
      handle: handle === 0 ? undefined : `0x${handle.toString(16)}`,
      flowid: bpf.classid === undefined ? undefined : formatClassid(bpf.classid),
      bpf_name: bpf.name,
      'direct-action': ((bpf.flags ?? 0) & TCA_BPF_FLAG_ACT_DIRECT) !== 0 ? true : undefined,
      ...Object.fromEntries(flagNames(filter).map((name) => [name, true])),
      ...programJson(bpf, program, shown),
      actions: actions.length === 0 ? undefined : actions.map((action, i) => actionJson(action, i + 1, true)),
    },
  };
}

function hookJson({ block, parent }: Filter, place: Partial<FilterPlace>): object {
  if (block !== undefined) return place.block === block ? {} : { block };
  if (place.parent) return {};
  const hook = parentWord(parent);
  return hook.startsWith('parent') ? { parent: formatClassid(parent) } : { [hook]: true };
}
