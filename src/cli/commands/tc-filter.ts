import { UsageError } from '../../errors.ts';
import { findDevice } from '../../loader/devices.ts';
import { deleteFilter, type FilterPlace, type FilterVerb, getFilter, listFilters, setFilter } from '../../loader/tc.ts';
import { TCA_CLS_FLAGS_SKIP_HW, TCA_CLS_FLAGS_SKIP_SW } from '../../uapi/netlink.ts';
import { type AnyCommand, type Context, command } from '../command.ts';
import type { Words } from '../words.ts';
import { ACTION_USAGE, type ActionWords, actionList, withActions } from './tc-action-words.ts';
import { type DumpedFilter, dumpFilter, filterJson, filterText } from './tc-filter-text.ts';
import { PROGRAM_USAGE, ProgramWords } from './tc-program-words.ts';
import { classid, filterPlace, HOOK_USAGE, requireBlock, requireParent } from './tc-words.ts';

const PLACE = `${HOOK_USAGE} [prio N] [protocol P] [handle N] [chain N]`;
const BPF = `bpf [da] [classid MAJ:MIN] ${PROGRAM_USAGE} [skip_hw] [skip_sw] [action ${ACTION_USAGE}]...`;

export const filterCommands: readonly AnyCommand[] = (['add', 'change', 'replace'] as const).map((verb) =>
  command<undefined>({
    path: ['tc', 'filter', verb],
    usage: `${PLACE} ${BPF}`,
    about: {
      add: 'loads a program and attaches it',
      change: 'swaps the program of a filter that is there, in one step',
      replace: 'attaches a program, swapping that of a filter with this handle and priority in one step',
    }[verb],
    run(context, words) {
      const place = filterPlace(words);
      requireParent(place);
      words.expect('bpf');
      attach(context, words, place, verb);
      return undefined;
    },
    text: () => '',
  }),
);

/** What the options of kind `bpf` say, in any order. */
interface BpfWords {
  readonly program: ProgramWords;
  classid: number | undefined;
  directAction: boolean;
  flagsGen: number;
  actions: readonly ActionWords[];
}

function bpfWords(context: Context, words: Words): BpfWords {
  const said: BpfWords = {
    program: new ProgramWords(context, 'sched_cls'),
    classid: undefined,
    directAction: false,
    flagsGen: 0,
    actions: [],
  };
  while (!words.done) {
    if (said.program.take(words) || words.keyword('run') !== undefined) continue;
    if (words.keyword('classid', 'flowid') !== undefined) said.classid = classid(words.next('the class'), 'classid');
    else if (words.exact('da') !== undefined || words.keyword('direct-action') !== undefined) said.directAction = true;
    else if (words.keyword('skip_hw') !== undefined) said.flagsGen |= TCA_CLS_FLAGS_SKIP_HW;
    else if (words.keyword('skip_sw') !== undefined) said.flagsGen |= TCA_CLS_FLAGS_SKIP_SW;
    else if (words.keyword('action') !== undefined) said.actions = actionList(context, words);
    else said.program.takeMode(words);
  }
  return said;
}

/** Loads what the words name and attaches it. What was loaded for a filter that then fails is gone with the handles, and so are its new pins. */
function attach(context: Context, words: Words, place: FilterPlace, verb: FilterVerb): void {
  const { kernel } = context;
  const { program, actions, ...options } = bpfWords(context, words);
  // Asked first, so that a device that is not there costs nothing.
  if (place.device !== undefined) findDevice(kernel, place.device);
  withActions(actions, (specs) =>
    program.with((main, name) => setFilter(kernel, place, main, { ...options, name, actions: specs }, verb)),
  );
}

export const filterShow = command<{ filters: readonly DumpedFilter[] }>({
  path: ['tc', 'filter', 'show'],
  usage: '{dev NAME [ingress | egress | parent MAJ:MIN] | block N} [prio N] [protocol P] [chain N]',
  about: 'lists the filters of a device or of a shared block',
  run({ kernel, details, stats }, words) {
    const place = filterPlace(words);
    words.end();
    requireBlock(kernel, place);
    const filters = listFilters(kernel, place).filter((f) => matches(place, f.priority, f.protocol));
    return { filters: filters.map((filter) => dumpFilter(kernel, filter, place, { details, stats })) };
  },
  text: ({ filters }) => filters.map((filter) => `${filterText(filter)}\n`).join(''),
  json: ({ filters }) => filters.map(filterJson),
});

function matches(place: FilterPlace, priority: number, protocol: number): boolean {
  return (place.priority ?? priority) === priority && (place.protocol ?? protocol) === protocol;
}

export const filterGet = command<DumpedFilter>({
  path: ['tc', 'filter', 'get'],
  usage: `${HOOK_USAGE} prio N protocol P handle N bpf`,
  about: 'shows one filter',
  run({ kernel, details, stats }, words) {
    const place = filterPlace(words);
    words.expect('bpf');
    for (const field of ['priority', 'protocol', 'handle'] as const) {
      if (place[field] === undefined) throw new UsageError(`${field} is missing`);
    }
    // tc repeats here what the command said.
    const shown = place.device === undefined ? {} : { device: place.device };
    return dumpFilter(kernel, getFilter(kernel, place), shown, { details, stats });
  },
  text: (filter) => `${filterText(filter)}\n`,
  json: (filter) => [filterJson(filter)],
});

export const filterDelete = command<undefined>({
  path: ['tc', 'filter', 'delete'],
  usage: `${PLACE} [bpf]`,
  about: 'removes one filter (handle and prio), those of a priority, or all of a hook',
  run({ kernel }, words) {
    const place = filterPlace(words);
    requireParent(place);
    if (!words.done) words.expect('bpf');
    deleteFilter(kernel, place);
    return undefined;
  },
  text: () => '',
});
