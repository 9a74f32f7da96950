import { toHex } from '../../bytes/hex.ts';
import { orUndefined } from '../../loader/calls.ts';
import type { ProgramInfo } from '../../loader/info.ts';
import { openProgram } from '../../loader/program.ts';
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
import { formatBytecode } from './bytecode.ts';
import { formatProtocol } from './tc-words.ts';

/** A filter with what the kernel says of its program, and what the command that asked for it has said already. */
export interface DumpedFilter {
  readonly filter: Filter;
  readonly program: ProgramInfo | undefined;
  /** Not repeated in the output. */
  readonly place: FilterPlace;
  readonly details: boolean;
}

export function dumpFilter(kernel: Kernel, filter: Filter, place: FilterPlace, details: boolean): DumpedFilter {
  const id = filter.bpf?.id;
  const program =
    id === undefined
      ? undefined
      : orUndefined(['ENOENT', 'EPERM'], () => {
          using opened = openProgram(kernel, { id });
          return opened.info;
        });
  return { filter, program, place, details };
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

/** One line as tc prints it, blank at the end included. */
export function filterText({ filter, program, place, details }: DumpedFilter): string {
  const { bpf, kind = '', protocol, priority, chain = 0, handle } = filter;
  const words = ['filter'];
  if (place.parent === 0) words.push(parentWord(filter.parent));
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
    if (bpf.ops !== undefined) words.push(`bytecode '${formatBytecode(bpf.ops)}'`);
    if (program !== undefined) {
      words.push(`id ${program.id}`, `name ${program.name}`, `tag ${program.tag}`);
      if (program.jitedSize > 0) words.push('jited');
      if (details)
        words.push(
          `load_time ${program.loadTime}`,
          `created_by_uid ${program.uid}`,
          ...(program.btfId === undefined ? [] : [`btf_id ${program.btfId}`]),
        );
    } else if (bpf.tag !== undefined) {
      words.push(`tag ${toHex(bpf.tag)}`);
    }
  }
  return `${words.join(' ')} `;
}

export function filterJson({ filter, program, place, details }: DumpedFilter): object {
  const { bpf, kind, protocol, priority, chain = 0, handle, parent } = filter;
  const hook = parentWord(parent);
  return {
    ...(place.parent !== 0 ? {} : hook.startsWith('parent') ? { parent: formatClassid(parent) } : { [hook]: true }),
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
      bytecode: bpf.ops && { length: bpf.ops.length / 8, insns: classicInsns(bpf.ops) },
      prog: program && {
        id: program.id,
        name: program.name,
        tag: program.tag,
        jited: program.jitedSize > 0 ? 1 : 0,
        ...(details && { load_time: program.loadTime, created_by_uid: program.uid, btf_id: program.btfId }),
      },
    },
  };
}

function classicInsns(ops: Uint8Array): object[] {
  const view = new DataView(ops.buffer, ops.byteOffset, ops.byteLength);
  return Array.from({ length: Math.floor(ops.length / 8) }, (_, i) => ({
    code: view.getUint16(8 * i, true),
    jt: view.getUint8(8 * i + 2),
    jf: view.getUint8(8 * i + 3),
    k: view.getUint32(8 * i + 4, true),
  }));
}
