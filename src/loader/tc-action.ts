import { UsageError } from '../errors.ts';
import {
  type Action,
  type ActionMessage,
  actionParms,
  decodeActionMessage,
  encodeActionMessage,
  type GactAction,
  type MirredAction,
  request,
} from '../net/index.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { Direction } from '../sys/lab.ts';
import { TC_ACT_PIPE } from '../uapi/bpf.ts';
import {
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_ECHO,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_ROOT,
  PGACT_DETERM,
  PGACT_NETRAND,
  RTM_DELACTION,
  RTM_GETACTION,
  RTM_NEWACTION,
  TCA_ACT_FLAG_LARGE_DUMP_ON,
  TCA_ACT_MAX_PRIO,
  TCA_EGRESS_MIRROR,
  TCA_EGRESS_REDIR,
  TCA_INGRESS_MIRROR,
  TCA_INGRESS_REDIR,
} from '../uapi/netlink.ts';
import { undoWith } from './attach/undo.ts';
import { orUndefined } from './calls.ts';
import { findDevice } from './devices.ts';
import { type FilterProgram, programMessage } from './tc-program.ts';

/**
 * An action to make; of a filter also one to bind to: where an action of that kind and `index` is there, the filter takes it as it is, whatever else
 * is said here, and together they hold it.
 */
export interface ActionSpec {
  /** `gact` runs no program: it only has a verdict. `mirred` sends packets to a device. Default `bpf`. */
  readonly kind?: 'bpf' | 'gact' | 'mirred' | undefined;
  /** Of kind `bpf`: a program of type sched_act, or classic instructions. Without one an action is bound to, not made. */
  readonly program?: FilterProgram | undefined;
  /** Among those of its kind in the network namespace. Default: the kernel chooses. */
  readonly index?: number | undefined;
  /** TC_ACT_*, TC_ACT_JUMP or TC_ACT_GOTO_CHAIN with a number; the verdict, of kind `bpf` where the program answers TC_ACT_UNSPEC. Default TC_ACT_PIPE. */
  readonly control?: number | undefined;
  /** Of kind `mirred`, which without it is bound to, not made: where packets, or copies of them, go. */
  readonly mirred?: MirredSpec | undefined;
  /** Of kind `gact`: another verdict for some packets. */
  readonly random?: RandomSpec | undefined;
  /** What lists show, e.g. `shared.bpf.o:[egress]`. Default: the program's name. */
  readonly name?: string | undefined;
  /** At most 16 bytes that the kernel keeps and shows. */
  readonly cookie?: Uint8Array | undefined;
  /** TCA_ACT_FLAGS_*. */
  readonly flags?: number | undefined;
  /** TCA_ACT_HW_STATS_*; default any. */
  readonly hwStats?: number | undefined;
}

export interface MirredSpec {
  readonly device: string;
  /** Out of the device, or as if they came in there. */
  readonly direction: Direction;
  /** Whether the packets themselves go there (the verdict is then best TC_ACT_STOLEN), or copies. Default: copies. */
  readonly redirect?: boolean | undefined;
}

export interface RandomSpec {
  /** By chance, or in turn. */
  readonly type: 'netrand' | 'determ';
  /** One in so many packets, up to 65535. */
  readonly value: number;
  /** TC_ACT_*, no chain. */
  readonly control: number;
}

const EACTIONS = {
  egress: [TCA_EGRESS_MIRROR, TCA_EGRESS_REDIR],
  ingress: [TCA_INGRESS_MIRROR, TCA_INGRESS_REDIR],
} as const;

/** `add` fails where an index is taken, `replace` gives the action there another program and verdict, in one step for each packet. */
export type ActionVerb = 'add' | 'replace';

/** One action of a network namespace. */
export interface ActionId {
  /** Default `bpf`. */
  readonly kind?: string | undefined;
  readonly index: number;
}

/**
 * Makes actions that live by themselves until they are deleted, at most 32, all or none. Filters bind to them by their index. Returns them as the
 * kernel has them, with the index that it chose.
 *
 * Throws SysError: EEXIST with `add` if an index is taken, EINVAL for a program of another type, a verdict that there is not, or TC_ACT_GOTO_CHAIN
 * (only filters have chains), ENOENT from a kernel without such actions; UsageError if they are too many, or one has a program that cannot have one.
 *
 * @example
 * const [count] = setActions(kernel, [{ program, index: 42, control: TC_ACT_OK }]);
 * setFilter(kernel, { device: 'veth0', parent: 'egress' }, { classic }, { actions: [{ index: 42 }] });
 */
export function setActions(kernel: Kernel, actions: readonly ActionSpec[], verb: ActionVerb = 'add'): Action[] {
  const flags = NLM_F_CREATE | (verb === 'add' ? NLM_F_EXCL : NLM_F_REPLACE);
  const message = { actions: actionMessages(kernel, actions) };
  const programs = actions.flatMap(({ program }) => (program === undefined || 'classic' in program ? [] : [program]));
  const made = ask(kernel, describe(message.actions.map(identify)), RTM_NEWACTION, flags | NLM_F_ECHO, message);
  // What was replaced cannot be had back.
  if (verb === 'add') undoWith(programs, () => deleteActions(kernel, made.map(identify)));
  return made;
}

/** Removes actions. Throws SysError: ENOENT if one is not there (then none goes), EPERM at the first that a filter is bound to. */
export function deleteActions(kernel: Kernel, ids: readonly ActionId[]): void {
  ask(kernel, describe(ids), RTM_DELACTION, 0, { actions: ids.map(idMessage) });
}

/** Actions by their index. Throws SysError ENOENT if one is not there. */
export function getActions(kernel: Kernel, ids: readonly ActionId[]): Action[] {
  return ask(kernel, describe(ids), RTM_GETACTION, 0, { actions: ids.map(idMessage) });
}

/** All actions of a kind, by growing index; `sinceMs`: that ran, or were made, within so many milliseconds. None if the kernel does not have the kind. */
export function listActions(kernel: Kernel, kind = 'bpf', sinceMs?: number): Action[] {
  const message = { actions: [{ kind }], flags: TCA_ACT_FLAG_LARGE_DUMP_ON, sinceMs };
  return ask(kernel, `actions ${kind}`, RTM_GETACTION, NLM_F_DUMP, message);
}

/**
 * Removes the actions of a kind by growing index, up to the first that a filter is bound to. Throws SysError: EPERM if that is the first of all, EINVAL
 * if the kernel does not have the kind.
 */
export function flushActions(kernel: Kernel, kind = 'bpf'): void {
  ask(kernel, `actions ${kind}`, RTM_DELACTION, NLM_F_ROOT, { actions: [{ kind }] });
}

/** Those of `actions` that a filter could only bind to and that are not there: to say so where the kernel says EINVAL. */
export function missingActions(kernel: Kernel, actions: readonly ActionSpec[]): ActionId[] {
  return actions.flatMap(({ kind = 'bpf', program, mirred, index = 0 }) => {
    if (kind === 'gact' || program !== undefined || mirred !== undefined) return [];
    const found = orUndefined(['ENOENT', 'EINVAL'], () => getActions(kernel, [{ kind, index }]));
    return found === undefined ? [{ kind, index }] : [];
  });
}

/** As requests have them. */
export function actionMessages(kernel: Kernel, actions: readonly ActionSpec[]): Action[] {
  if (actions.length > TCA_ACT_MAX_PRIO)
    throw new UsageError(`${actions.length} actions are more than the ${TCA_ACT_MAX_PRIO} that a kernel takes at once`);
  return actions.map((spec) => {
    const { kind = 'bpf', program, index = 0, control = TC_ACT_PIPE, cookie, flags, hwStats } = spec;
    const parms = { index, control, refs: 0, bindings: 0 };
    const rest = { kind, cookie, flags: flags || undefined, hwStats };
    if (kind === 'bpf')
      return { ...rest, bpf: { ...parms, ...(program && programMessage(kernel, program, spec.name)) } };
    if (program !== undefined) throw new UsageError(`an action of kind ${kind} runs no program`);
    if (kind === 'mirred') return { ...rest, mirred: { ...parms, ...mirredMessage(kernel, spec.mirred) } };
    return { ...rest, gact: { ...parms, random: spec.random && randomMessage(spec.random) } };
  });
}

/** One that is there is bound to by its index, whatever is said of the rest. */
function mirredMessage(kernel: Kernel, spec: MirredSpec | undefined): Pick<MirredAction, 'eaction' | 'ifindex'> {
  if (spec === undefined) return { eaction: TCA_EGRESS_MIRROR, ifindex: 0 };
  const { device, direction, redirect = false } = spec;
  return { eaction: EACTIONS[direction][redirect ? 1 : 0], ifindex: findDevice(kernel, device).ifindex };
}

function randomMessage({ type, value, control }: RandomSpec): NonNullable<GactAction['random']> {
  return { type: type === 'netrand' ? PGACT_NETRAND : PGACT_DETERM, value, control };
}

function ask(kernel: Kernel, what: string, type: number, flags: number, message: ActionMessage): Action[] {
  const answers = request(kernel, what, type, flags, encodeActionMessage(message));
  return answers.flatMap((answer) => decodeActionMessage(answer).actions);
}

function identify(action: Action): ActionId {
  return { kind: action.kind, index: actionParms(action)?.index ?? 0 };
}

/** An index of 0 is none, and the kernel says so. */
function idMessage({ kind = 'bpf', index }: ActionId): Action {
  return { kind, index: index === 0 ? undefined : index };
}

function describe(ids: readonly ActionId[]): string {
  return ids.map(({ kind = 'bpf', index }) => `action ${kind}${index === 0 ? '' : ` index ${index}`}`).join(', ');
}
