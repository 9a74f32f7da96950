import {
  TC_ACT_OK,
  TC_ACT_REDIRECT,
  TC_ACT_SHOT,
  TC_ACT_STOLEN,
  TC_ACT_TRAP,
  TC_ACT_UNSPEC,
} from '../../../uapi/bpf.ts';
import type { Fault } from '../interp/fault.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { Machine } from '../machine.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Skb } from '../progs/skb.ts';
import { type ClassicInsn, runClassic } from './classic.ts';

/** What cls_bpf runs: a program, or classic instructions with their bytes for dumps. */
export type Classifier =
  | { readonly kind: 'ebpf'; readonly prog: BpfProg }
  | { readonly kind: 'classic'; readonly insns: readonly ClassicInsn[]; readonly bytes: Uint8Array };

/** One filter of kind `bpf`. Never changes: a replacement is another object in its place, so that a packet meets the old or the new one. */
export interface ClsBpf {
  /** Among the filters of its priority. */
  readonly handle: number;
  readonly classifier: Classifier;
  /** For dumps of eBPF. */
  readonly name: string | undefined;
  /** `undefined`: none was set. */
  readonly classid: number | undefined;
  /** The result is the verdict; else it is the class, 0 for no match. */
  readonly directAction: boolean;
  /** TCA_CLS_FLAGS_*. */
  readonly flagsGen: number;
}

/** What became of a packet at a filter or at a hook. */
export interface Classification {
  /** TC_ACT_*; TC_ACT_UNSPEC: no filter had an opinion. */
  readonly action: number;
  readonly classid: number;
  readonly fault: Fault | undefined;
}

/** What a direct-action program may decide; everything else counts as TC_ACT_UNSPEC. */
const DIRECT_ACTIONS: ReadonlySet<number> = new Set([
  TC_ACT_OK,
  TC_ACT_SHOT,
  TC_ACT_STOLEN,
  TC_ACT_TRAP,
  TC_ACT_REDIRECT,
]);

/** Runs one filter. */
export function classify(machine: Machine, filter: ClsBpf, skb: Skb): Classification {
  const configured = filter.classid ?? 0;
  skb.set('tc_classid', configured & 0xffff);
  const { value, fault } = run(machine, filter.classifier, skb);
  if (filter.directAction) {
    const classid = ((configured & 0xffff0000) | (skb.get('tc_classid') & 0xffff)) >>> 0;
    return { action: DIRECT_ACTIONS.has(value) ? value : TC_ACT_UNSPEC, classid, fault };
  }
  if (value === 0) return { action: TC_ACT_UNSPEC, classid: 0, fault };
  return { action: TC_ACT_OK, classid: value === -1 ? configured : value >>> 0, fault };
}

function run(machine: Machine, classifier: Classifier, skb: Skb): { value: number; fault?: Fault | undefined } {
  skb.publish();
  return classifier.kind === 'ebpf'
    ? interpreterOf(machine).runProgram(classifier.prog, skb.context, skb)
    : { value: runClassic(classifier.insns, skb, machine) | 0 };
}

/** Takes or gives back what the filter holds. */
export function holdClassifier(classifier: Classifier): Classifier {
  if (classifier.kind === 'ebpf') classifier.prog.get();
  return classifier;
}
export function dropClassifier(classifier: Classifier): void {
  if (classifier.kind === 'ebpf') classifier.prog.put();
}
