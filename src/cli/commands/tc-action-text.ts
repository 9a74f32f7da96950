import { toHex } from '../../bytes/hex.ts';
import { listDevices } from '../../loader/devices.ts';
import type { ProgramInfo } from '../../loader/info.ts';
import { type Action, type ActionAges, type ActionStats, actionParms, type GactAction } from '../../net/index.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { TC_ACT_EXT_VAL_MASK, TC_ACT_OK, TC_ACT_STOLEN } from '../../uapi/bpf.ts';
import {
  TCA_ACT_FLAGS_NO_PERCPU_STATS,
  TCA_ACT_FLAGS_SKIP_HW,
  TCA_ACT_FLAGS_SKIP_SW,
  TCA_EGRESS_REDIR,
  TCA_INGRESS_MIRROR,
  TCA_INGRESS_REDIR,
} from '../../uapi/netlink.ts';
import { CONTROLS, HW_STATS } from './tc-action-words.ts';
import { programJson, programOf, programText, type Shown } from './tc-program-text.ts';

/** An action with what the kernel says of its program. */
export interface DumpedAction {
  readonly action: Action;
  readonly program: ProgramInfo | undefined;
  /** Of kind mirred: where to; `*` if that is gone. */
  readonly device: string | undefined;
  readonly shown: Shown;
}

export function dumpAction(kernel: Kernel, action: Action, shown: Shown): DumpedAction {
  const ifindex = action.mirred?.ifindex;
  const device = ifindex === undefined ? undefined : deviceName(kernel, ifindex);
  return { action, program: programOf(kernel, action.bpf), device, shown };
}

function deviceName(kernel: Kernel, ifindex: number): string {
  if (ifindex === 0) return '*';
  return listDevices(kernel).find((device) => device.ifindex === ifindex)?.name ?? `if${ifindex}`;
}

/** A paragraph as tc prints it, with the empty line before it. `bound`: as part of a filter, which says what hardware does. */
export function actionText(dumped: DumpedAction, order: number, bound: boolean): string {
  const { action, program, device = '', shown } = dumped;
  const { kind = '', bpf, gact, mirred, stats, cookie } = action;
  const lines = [`\n\taction order ${order}: ${kind} `];
  if (bpf !== undefined) {
    const name = bpf.name === undefined ? '' : `${bpf.name} `;
    const run = `${programText(bpf, program, shown)}${bpf.ops === undefined ? '' : ' '}`;
    lines.push(`${name}${run}default-action ${controlText(bpf.control)}\n`);
  }
  if (gact !== undefined) lines.push(`action ${controlText(gact.control)}\n${randomText(gact)}\n`);
  if (mirred !== undefined) {
    const { direction, how } = mirredWords(mirred.eaction);
    lines.push(`(${capital(direction)} ${capital(how)} to device ${device}) ${controlText(mirred.control)}\n`);
  }
  const parms = actionParms(action);
  if (parms !== undefined) {
    const ages = shown.stats && parms.ages !== undefined ? agesText(parms.ages) : '';
    lines.push(
      `\t${mirred === undefined ? ' ' : ''}index ${parms.index} ref ${parms.refs} bind ${parms.bindings}${ages}\n`,
    );
  }
  if (bpf !== undefined) lines.push(' '); // tc begins the next line with one
  if (shown.stats && stats !== undefined) lines.push(statsText(stats));
  if (cookie !== undefined) lines.push(`\tcookie ${toHex(cookie)}\n`);
  lines.push(
    flagsText(action, bound),
    hwStatsText('hw_stats', action.hwStats),
    hwStatsText('used_hw_stats', action.usedHwStats),
  );
  return lines.join('');
}

export function actionJson({ action, program, device, shown }: DumpedAction, order: number, bound: boolean): object {
  const { kind, bpf, gact, mirred, stats, cookie } = action;
  const to = mirred && mirredWords(mirred.eaction);
  const parms = actionParms(action);
  return {
    order,
    kind,
    bpf_name: bpf?.name,
    ...(bpf && programJson(bpf, program, shown)),
    mirred_action: to?.how,
    direction: to?.direction,
    to_dev: device,
    control_action: parms && controlJson(parms.control),
    prob: gact && randomJson(gact),
    index: parms?.index,
    ref: parms?.refs,
    bind: parms?.bindings,
    ...(shown.stats && parms?.ages && agesJson(parms.ages)),
    stats: shown.stats ? stats && statsJson(stats) : undefined,
    cookie: cookie && toHex(cookie),
    ...Object.fromEntries(flagWords(action, bound)),
    hw_stats: hwStatsWords(action.hwStats),
    used_hw_stats: hwStatsWords(action.usedHwStats),
  };
}

/** tc's words; the kernel makes no others. */
function mirredWords(eaction: number): { readonly direction: string; readonly how: string } {
  const direction = eaction === TCA_INGRESS_REDIR || eaction === TCA_INGRESS_MIRROR ? 'ingress' : 'egress';
  return { direction, how: eaction === TCA_EGRESS_REDIR || eaction === TCA_INGRESS_REDIR ? 'redirect' : 'mirror' };
}

function capital(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
}

/** Of several words for a verdict the first that tc has is printed. */
function controlWord(control: number): string {
  if (control === TC_ACT_STOLEN) return 'stolen';
  const kind = control < 0 ? control : control & ~TC_ACT_EXT_VAL_MASK || control;
  return Object.entries(CONTROLS).find(([, number]) => number === kind)?.[0] ?? String(control);
}

export function controlText(control: number): string {
  const word = controlWord(control);
  const value = control & TC_ACT_EXT_VAL_MASK;
  return word === 'goto' ? `goto chain ${value}` : word === 'jump' ? `jump ${value}` : word;
}

function controlJson(control: number): object {
  const type = controlWord(control);
  const value = control & TC_ACT_EXT_VAL_MASK;
  return { type, chain: type === 'goto' ? value : undefined, jump: type === 'jump' ? value : undefined };
}

/** tc prints a chance also where there is none. */
const NEVER = { type: 0, control: TC_ACT_OK, value: 0 };
const RANDOM = ['none', 'netrand', 'determ'];

function randomText({ random: { type, control, value } = NEVER }: GactAction): string {
  return `\t random type ${RANDOM[type] ?? 'none'} ${controlText(control)} val ${value}`;
}

function randomJson({ random: { type, control, value } = NEVER }: GactAction): object {
  return { random_type: RANDOM[type] ?? 'none', control_action: controlJson(control), val: value };
}

/** tc's words for the ages, in its order; what never happened is left out. */
function ages({
  installed,
  lastUsed,
  firstUsed,
  expires,
}: ActionAges): [text: string, json: string, seconds: number][] {
  const all: [string, string, bigint][] = [
    ['installed', 'installed', installed],
    ['used', 'last_used', lastUsed],
    ['firstused', 'first_used', firstUsed],
    ['expires', 'expires', expires],
  ];
  return all.filter(([, , ticks]) => ticks !== 0n).map(([text, json, ticks]) => [text, json, Number(ticks / 100n)]);
}

function agesText(of: ActionAges): string {
  return ages(of)
    .map(([word, , seconds]) => ` ${word} ${seconds} sec`)
    .join('');
}

function agesJson(of: ActionAges): object {
  return Object.fromEntries(ages(of).map(([, word, seconds]) => [word, seconds]));
}

function statsText({ bytes, packets, drops, overlimits, requeues, backlog, qlen }: ActionStats): string {
  return [
    '\tAction statistics:',
    `\tSent ${bytes} bytes ${packets} pkt (dropped ${drops}, overlimits ${overlimits} requeues ${requeues}) `,
    `\tbacklog ${backlog}b ${qlen}p requeues ${requeues}`,
    '',
  ].join('\n');
}

function statsJson({ bytes, packets, drops, overlimits, requeues, backlog, qlen }: ActionStats): object {
  return { bytes, packets, drops, overlimits, requeues, backlog, qlen };
}

function flagsText(action: Action, bound: boolean): string {
  const words = flagWords(action, bound).map(([word, value]) => (value === true ? `\t${word}` : ` ${word} ${value}`));
  return words.length === 0 ? '' : `${words.join('')}\n`;
}

/** With a filter's actions nothing is said of hardware: the filter says it. */
function flagWords({ flags = 0, inHwCount }: Action, bound: boolean): [word: string, value: true | number][] {
  const words: [string, true | number][] = [];
  if (flags & TCA_ACT_FLAGS_NO_PERCPU_STATS) words.push(['no_percpu', true]);
  if (bound) return words;
  if (flags & TCA_ACT_FLAGS_SKIP_HW) words.push(['skip_hw', true]);
  if (flags & TCA_ACT_FLAGS_SKIP_SW) words.push(['skip_sw', true]);
  if (inHwCount === undefined || flags & TCA_ACT_FLAGS_SKIP_HW) return words;
  if (inHwCount === 0) words.push(['not_in_hw', true]);
  else words.push(['in_hw', true], ['in_hw_count', inHwCount]);
  return words;
}

function hwStatsWords(hwStats: number | undefined): string[] | undefined {
  if (hwStats === undefined) return undefined;
  return Object.entries(HW_STATS)
    .filter(([, bit]) => (bit === 0 ? hwStats === 0 : (hwStats & bit) !== 0))
    .map(([word]) => word);
}

function hwStatsText(what: string, hwStats: number | undefined): string {
  const words = hwStatsWords(hwStats);
  return words === undefined ? '' : `\t${what}${words.map((word) => ` ${word}`).join('')}\n`;
}
