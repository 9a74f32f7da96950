import type { GactAction } from '../../../net/index.ts';
import { TC_ACT_GOTO_CHAIN, TC_ACT_SHOT } from '../../../uapi/bpf.ts';
import { PGACT_DETERM } from '../../../uapi/netlink.ts';
import type { Machine } from '../machine.ts';
import type { Skb } from '../progs/skb.ts';
import { actBpf } from './act-bpf.ts';
import type { ActionTable } from './action-table.ts';
import type { Chain } from './chain.ts';
import type { FilterBlock } from './filter-block.ts';
import { type Mirred, runMirred } from './mirred.ts';
import type { ActionsResult } from './run-actions.ts';
import { dropTcProgram, type TcProgram } from './tc-program.ts';

/** The kinds of action that there are. */
export const ACTION_KINDS = ['bpf', 'gact', 'mirred'] as const;
export type ActionKind = (typeof ACTION_KINDS)[number];

/** What an action does. Never changes: a replacement is another object in its place, so that a packet meets the old or the new one. */
export interface ActionWork {
  /** The verdict; of kind `bpf` where the program has none. */
  readonly control: number;
  /** Of kind `bpf`, and none else. */
  readonly program: TcProgram | undefined;
  /** Of kind `mirred`, and none else. */
  readonly mirred?: Mirred | undefined;
  /** Of kind `gact`: another verdict for some packets. */
  readonly random?: GactAction['random'];
  /** Where TC_ACT_GOTO_CHAIN leads, held. */
  readonly target: { readonly block: FilterBlock; readonly chain: Chain } | undefined;
}

/** An action. It lives as long as a filter is bound to it, or until whoever made it by itself deletes it. */
export class TcAction {
  readonly kind: ActionKind;
  readonly index: number;
  readonly #table: ActionTable;
  #work: ActionWork;
  /** How many hold it, and how many of these are filters. */
  refs = 1;
  bindings: number;
  cookie: Uint8Array | undefined;
  /** TCA_ACT_FLAGS_*. */
  flags = 0;
  /** TCA_ACT_HW_STATS_*; `undefined`: any. */
  hwStats: number | undefined;
  /** Times of the machine's clock. */
  readonly installed: bigint;
  lastUsed: bigint;
  firstUsed: bigint | undefined;
  packets = 0n;
  bytes = 0n;
  drops = 0;
  overlimits = 0;
  /** Packets that a verdict for each n-th was asked for. */
  #asked = 0;

  /** `bound`: a filter makes it for itself. */
  constructor(table: ActionTable, index: number, work: ActionWork, bound: boolean, now: bigint) {
    this.#table = table;
    this.kind = table.kind;
    this.index = index;
    this.bindings = bound ? 1 : 0;
    this.#work = work;
    this.installed = now;
    this.lastUsed = now;
  }

  get work(): ActionWork {
    return this.#work;
  }

  /** In one step; what the old one held is given back. */
  replace(work: ActionWork): void {
    const old = this.#work;
    this.#work = work;
    dropWork(old);
  }

  hold(): void {
    this.refs++;
  }

  /** For a filter. */
  bind(): void {
    this.refs++;
    this.bindings++;
  }

  unbind(): void {
    this.bindings--;
    this.put();
  }

  put(): void {
    if (--this.refs > 0) return;
    this.#table.remove(this);
    dropWork(this.#work);
  }

  run(machine: Machine, skb: Skb): ActionsResult {
    if (this.#work.mirred !== undefined && machine.traffic.mirrorsTooDeep) return { action: TC_ACT_SHOT };
    this.packets++;
    this.bytes += BigInt(skb.pktLen);
    this.lastUsed = machine.clock.now();
    this.firstUsed ??= this.lastUsed;
    const { control, program, mirred } = this.#work;
    if (mirred !== undefined) return this.#mirror(machine, mirred, skb);
    const { action, fault } =
      program === undefined
        ? { action: this.#verdict(machine), fault: undefined }
        : actBpf(machine, program, control, skb);
    if (action === TC_ACT_SHOT) this.drops++;
    return this.#result(action, fault);
  }

  /** Of kind `gact`. */
  #verdict(machine: Machine): number {
    const { control, random } = this.#work;
    if (random === undefined || random.type === 0) return control;
    const number = random.type === PGACT_DETERM ? ++this.#asked : machine.random();
    return number % random.value === 0 ? random.control : control;
  }

  #mirror(machine: Machine, mirred: Mirred, skb: Skb): ActionsResult {
    const { action, sent } = runMirred(machine, mirred, this.#work.control, skb);
    if (!sent) this.overlimits++;
    return this.#result(action, undefined);
  }

  #result(action: number, fault: ActionsResult['fault']): ActionsResult {
    return { action, chain: isGotoChain(action) ? this.#work.target?.chain : undefined, fault };
  }
}

export function dropWork({ program, target }: ActionWork): void {
  if (program !== undefined) dropTcProgram(program);
  if (target !== undefined) target.block.dropGoto(target.chain);
}

export function isGotoChain(action: number): boolean {
  return action >>> 28 === TC_ACT_GOTO_CHAIN >>> 28;
}
