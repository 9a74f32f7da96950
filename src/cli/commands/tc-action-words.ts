import { fromHex } from '../../bytes/hex.ts';
import { UsageError } from '../../errors.ts';
import type { ActionSpec } from '../../loader/tc-action.ts';
import {
  TC_ACT_EXT_VAL_MASK,
  TC_ACT_GOTO_CHAIN,
  TC_ACT_JUMP,
  TC_ACT_OK,
  TC_ACT_PIPE,
  TC_ACT_RECLASSIFY,
  TC_ACT_SHOT,
  TC_ACT_STOLEN,
  TC_ACT_TRAP,
  TC_ACT_UNSPEC,
} from '../../uapi/bpf.ts';
import {
  TC_COOKIE_MAX_SIZE,
  TCA_ACT_FLAGS_NO_PERCPU_STATS,
  TCA_ACT_FLAGS_SKIP_HW,
  TCA_ACT_FLAGS_SKIP_SW,
  TCA_ACT_HW_STATS_DELAYED,
  TCA_ACT_HW_STATS_IMMEDIATE,
} from '../../uapi/netlink.ts';
import type { Context } from '../command.ts';
import type { Words } from '../words.ts';
import { ProgramWords } from './tc-program-words.ts';

/** Verdicts by tc's words; the first that begins with the user's word is meant, and the first of a number is printed. */
// biome-ignore format: aligned table
export const CONTROLS = {
  continue: TC_ACT_UNSPEC, drop: TC_ACT_SHOT, shot: TC_ACT_SHOT, pass: TC_ACT_OK, ok: TC_ACT_OK, reclassify: TC_ACT_RECLASSIFY,
  pipe: TC_ACT_PIPE, goto: TC_ACT_GOTO_CHAIN, jump: TC_ACT_JUMP, trap: TC_ACT_TRAP,
} as const;
type Control = keyof typeof CONTROLS;
const CONTROL_WORDS = Object.keys(CONTROLS) as Control[]; // its keys

export const HW_STATS = {
  immediate: TCA_ACT_HW_STATS_IMMEDIATE,
  delayed: TCA_ACT_HW_STATS_DELAYED,
  disabled: 0,
} as const;
const SKIPS = { skip_hw: TCA_ACT_FLAGS_SKIP_HW, skip_sw: TCA_ACT_FLAGS_SKIP_SW } as const;

/** What follows `action`, in `tc actions add` and after a filter's program. */
export const ACTION_USAGE = [
  '{bpf [PROGRAM] [VERDICT] [index N] | [gact] VERDICT [random {netrand | determ} VERDICT N] [index N]',
  '| mirred {egress | ingress} {mirror | redirect} dev DEV [VERDICT] [index N]} [cookie HEX] [hw_stats {immediate | delayed | disabled}]',
  '[no_percpu] [skip_hw] [skip_sw]',
].join(' ');

/** An action as the words say it: a program to load first, if it has one of its own, and all else. */
export interface ActionWords {
  readonly program: ProgramWords | undefined;
  readonly spec: ActionSpec;
}

/** tc's limit; the kernel's is 65535. */
const MAX_RANDOM = 10000;

/** The words of tc's verbs: where one of them begins with the next word, a list of actions is at its end. */
const VERBS = ['change', 'replace', 'delete', 'get', 'add'];

/** `ACTION [[action] ACTION]…` after the first `action`, up to a word that cannot be one. Throws UsageError. */
export function actionList(context: Context, words: Words): ActionWords[] {
  const actions: ActionWords[] = [];
  for (let expected = true; ; expected = words.exact('action') !== undefined) {
    const word = words.peek();
    const ends = word === undefined || word === 'flowid' || word === 'classid' || isVerb(word);
    if (ends && !expected) return actions;
    if (ends) throw new UsageError(`no action after 'action': ${ACTION_USAGE} is expected`);
    actions.push(oneAction(context, words));
  }
}

function isVerb(word: string): boolean {
  return word !== '' && VERBS.some((verb) => verb.startsWith(word));
}

function oneAction(context: Context, words: Words): ActionWords {
  const kind = words.exact('bpf', 'gact', 'mirred') ?? (isControl(words) ? 'gact' : undefined);
  if (kind === undefined)
    throw new UsageError(
      `there is no action '${words.peek()}' here: bpf, gact, mirred and verdicts (${CONTROL_WORDS.join(', ')}) are`,
    );
  const { program, ...what } = KIND_WORDS[kind](words, context);
  return { program, spec: { kind, ...what, ...commonWords(words) } };
}

const KIND_WORDS = { bpf: bpfAction, gact: gactAction, mirred: mirredAction } as const;

interface KindWords {
  readonly program?: ProgramWords | undefined;
  readonly control?: number | undefined;
  readonly index?: number | undefined;
  readonly mirred?: ActionSpec['mirred'];
  readonly random?: ActionSpec['random'];
}

function bpfAction(words: Words, context: Context): KindWords {
  const word = words.peek() ?? '';
  if (word === '')
    throw new UsageError('what is the action to run? A program, or index N of an action that is there, is missing');
  let program: ProgramWords | undefined;
  if (words.keyword('run') !== undefined || !'index'.startsWith(word)) {
    program = new ProgramWords(context, 'sched_act');
    program.takeMode(words);
    while (program.take(words));
  }
  const control = isControl(words) ? controlWords(words) : undefined;
  return { program, control, index: indexWords(words) };
}

function gactAction(words: Words): KindWords {
  const index = indexWords(words);
  if (index !== undefined) return { control: TC_ACT_OK, index };
  if (!isControl(words)) throw new UsageError(`a verdict is missing: ${CONTROL_WORDS.join(', ')}`);
  const control = controlWords(words);
  const random = words.keyword('random') === undefined ? undefined : randomWords(words);
  return { control, random, index: indexWords(words) };
}

/** `{netrand | determ} VERDICT N`. */
function randomWords(words: Words): ActionSpec['random'] {
  const type = words.expect('netrand', 'determ');
  if (!isControl(words)) throw new UsageError(`a verdict is missing after ${type}: ${CONTROL_WORDS.join(', ')}`);
  const control = controlWords(words);
  return { type, control, value: decimal(words, 'one in how many', MAX_RANDOM) };
}

/** A redirect takes the packet along, and what follows it is another action; a copy may have a verdict. */
function mirredAction(words: Words): KindWords {
  const bound = indexWords(words);
  if (bound !== undefined) return { index: bound };
  const direction = words.expect('egress', 'ingress');
  let index: number | undefined;
  let how: 'mirror' | 'redirect' | undefined;
  let device: string | undefined;
  while (device === undefined) {
    const found = indexWords(words);
    if (found !== undefined) index = found;
    else if (how === undefined) how = words.expect('mirror', 'redirect');
    else {
      words.expect('dev');
      device = words.next('the name of the device');
    }
  }
  const redirect = how === 'redirect';
  const control = redirect ? TC_ACT_STOLEN : isControl(words) ? controlWords(words) : TC_ACT_PIPE;
  return { mirred: { device, direction, redirect }, control, index: indexWords(words) ?? index };
}

function isControl(words: Words): boolean {
  const word = words.peek();
  return word !== undefined && word !== '' && CONTROL_WORDS.some((control) => control.startsWith(word));
}

function controlWords(words: Words): number {
  const control = words.expect(...CONTROL_WORDS);
  if (control === 'goto') {
    words.expect('chain');
    return TC_ACT_GOTO_CHAIN | decimal(words, 'the number of the chain', TC_ACT_EXT_VAL_MASK);
  }
  if (control === 'jump') return TC_ACT_JUMP | decimal(words, 'the number of actions to skip', TC_ACT_EXT_VAL_MASK);
  return CONTROLS[control];
}

/** `index N`, decimal as tc has it. */
export function indexWords(words: Words): number | undefined {
  return words.keyword('index') === undefined ? undefined : decimal(words, 'index', 0xffffffff);
}

function decimal(words: Words, what: string, max: number): number {
  const word = words.next(what);
  if (!/^\d+$/.test(word) || Number(word) > max)
    throw new UsageError(`${what}: '${word}' is no decimal number up to ${max}`);
  return Number(word);
}

/** What all kinds have at their end, in tc's order. */
function commonWords(words: Words): Pick<ActionSpec, 'cookie' | 'hwStats' | 'flags'> {
  const cookie = words.exact('cookie') === undefined ? undefined : cookieWord(words.next('the cookie'));
  const hwStats =
    words.keyword('hw_stats') === undefined ? undefined : HW_STATS[words.expect('immediate', 'delayed', 'disabled')];
  let flags = words.exact('no_percpu') === undefined ? 0 : TCA_ACT_FLAGS_NO_PERCPU_STATS;
  for (;;) {
    const skip = words.exact('skip_hw', 'skip_sw');
    if (skip === undefined) return { cookie, hwStats, flags };
    flags |= SKIPS[skip];
  }
}

function cookieWord(word: string): Uint8Array {
  const cookie = /^[0-9a-f]*$/i.test(word) ? fromHex(word) : undefined;
  if (cookie === undefined || cookie.length > TC_COOKIE_MAX_SIZE)
    throw new UsageError(
      `cookie '${word}': up to ${2 * TC_COOKIE_MAX_SIZE} hex digits, two for each byte, are expected`,
    );
  return cookie;
}

/** Loads the programs of actions and hands the actions to `use`; if that fails, all is taken back. */
export function withActions(actions: readonly ActionWords[], use: (specs: readonly ActionSpec[]) => void): void {
  const [first, ...others] = actions;
  if (first === undefined) use([]);
  else if (first.program === undefined) withActions(others, (specs) => use([first.spec, ...specs]));
  else
    first.program.with((program, name) =>
      withActions(others, (specs) => use([{ ...first.spec, program, name }, ...specs])),
    );
}
