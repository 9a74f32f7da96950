import { UsageError } from '../../errors.ts';
import {
  type ActionId,
  type ActionSpec,
  deleteActions,
  flushActions,
  getActions,
  listActions,
  setActions,
} from '../../loader/tc-action.ts';
import { type AnyCommand, command } from '../command.ts';
import type { Words } from '../words.ts';
import { actionJson, actionText, type DumpedAction, dumpAction } from './tc-action-text.ts';
import { ACTION_USAGE, actionList, indexWords, withActions } from './tc-action-words.ts';
import { PROGRAM_USAGE } from './tc-program-words.ts';

const KINDS = ['bpf', 'gact', 'mirred'] as const;
const KIND = `{${KINDS.join(' | ')}}`;

export const actionCommands: readonly AnyCommand[] = (['add', 'change', 'replace'] as const).map((verb) =>
  command<undefined>({
    path: ['tc', 'actions', verb],
    usage: `action ${ACTION_USAGE} [action ...]...; PROGRAM: ${PROGRAM_USAGE}`,
    about: {
      add: 'makes actions that filters can bind to by their index; up to 32, all or none',
      change: 'as replace',
      replace: 'puts another program or verdict into the place of an action, in one step, or makes it',
    }[verb],
    run(context, words) {
      if (words.exact('action') === undefined) throw new UsageError("'action' is missing");
      const actions = actionList(context, words);
      words.end();
      const nothing = actions.findIndex(({ program, spec }) => program === undefined && onlyBinds(spec));
      if (nothing >= 0)
        throw new UsageError(
          `action ${nothing + 1} has no ${actions[nothing]?.spec.kind === 'bpf' ? 'program' : 'device'}: only filters bind to one that is there by its index`,
        );
      withActions(actions, (specs) => setActions(context.kernel, specs, verb === 'add' ? 'add' : 'replace'));
      return undefined;
    },
    text: () => '',
  }),
);

export const actionsDelete = command<undefined>({
  path: ['tc', 'actions', 'delete'],
  usage: `action ${KIND} index N [action ${KIND} index N]...`,
  about: 'removes actions that no filter is bound to',
  run({ kernel }, words) {
    deleteActions(kernel, ids(words));
    return undefined;
  },
  text: () => '',
});

/** It is of no use but to a filter. */
function onlyBinds({ kind, mirred }: ActionSpec): boolean {
  return kind === 'bpf' || (kind === 'mirred' && mirred === undefined);
}

interface Listed {
  readonly actions: readonly DumpedAction[];
  /** What tc prints: of single ones 0. `undefined`: nothing is there to be listed. */
  readonly total: number | undefined;
  /** Order of the first. */
  readonly first: number;
}

export const actionsGet = command<Listed>({
  path: ['tc', 'actions', 'get'],
  usage: `action ${KIND} index N [action ${KIND} index N]...`,
  about: 'shows actions',
  run({ kernel, details, stats }, words) {
    const actions = getActions(kernel, ids(words)).map((action) => dumpAction(kernel, action, { details, stats }));
    return { actions, total: 0, first: 1 };
  },
  text: listText,
  json: listJson,
});

export const actionsShow = command<Listed>({
  path: ['tc', 'actions', 'show'],
  usage: `[action ${KIND} [since MSEC]]`,
  about:
    'lists the actions of a kind (default bpf), or those that ran within some milliseconds; -s: with counters and ages',
  run({ kernel, details, stats }, words) {
    const kind = words.done ? 'bpf' : kindWords(words);
    const since = words.exact('since') === undefined ? undefined : words.number('since');
    words.end();
    const actions = listActions(kernel, kind, since || undefined);
    return {
      actions: actions.map((action) => dumpAction(kernel, action, { details, stats })),
      total: actions.length === 0 ? undefined : actions.length,
      first: 0,
    };
  },
  text: listText,
  json: listJson,
});

export const actionsFlush = command<undefined>({
  path: ['tc', 'actions', 'flush'],
  usage: 'action {bpf | gact}',
  about: 'removes the actions of a kind, up to the first that a filter is bound to',
  run({ kernel, note }, words) {
    const kind = kindWords(words);
    words.end();
    flushActions(kernel, kind);
    const left = listActions(kernel, kind).length;
    if (left > 0) note(`warning: ${left} of them stay: a filter is bound to the first of these`);
    return undefined;
  },
  text: () => '',
});

function kindWords(words: Words): (typeof KINDS)[number] {
  words.exact('action');
  const kind = words.exact(...KINDS);
  if (kind === undefined) throw new UsageError(`a kind of action is expected: ${KINDS.join(' or ')}`);
  return kind;
}

function ids(words: Words): ActionId[] {
  const found: ActionId[] = [];
  while (!words.done || found.length === 0) {
    const kind = kindWords(words);
    const index = indexWords(words);
    if (index === undefined) throw new UsageError(`which action ${kind}? 'index N' is missing`);
    found.push({ kind, index });
  }
  return found;
}

function listText({ actions, total, first }: Listed): string {
  if (total === undefined) return '';
  return [`total acts ${total}\n`, ...actions.map((action, i) => actionText(action, first + i, false))].join('');
}

function listJson({ actions, total, first }: Listed): object[] {
  if (total === undefined) return [];
  return [{ 'total acts': total }, { actions: actions.map((action, i) => actionJson(action, first + i, false)) }];
}
