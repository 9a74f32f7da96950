import { UsageError } from '../../errors.ts';
import { basename } from '../../loader/bpffs.ts';
import { findDevice, listDevices } from '../../loader/devices.ts';
import { load } from '../../loader/load.ts';
import { openProgram } from '../../loader/program.ts';
import {
  deleteFilter,
  deleteQdisc,
  type FilterPlace,
  type FilterVerb,
  getFilter,
  listFilters,
  listQdiscs,
  type QdiscVerb,
  setFilter,
  setQdisc,
} from '../../loader/tc.ts';
import { formatClassid, type Qdisc } from '../../net/index.ts';
import { findProgram, tailCallSection } from '../../object/index.ts';
import { TCA_CLS_FLAGS_SKIP_HW, TCA_CLS_FLAGS_SKIP_SW } from '../../uapi/netlink.ts';
import { type AnyCommand, type Context, command } from '../command.ts';
import type { Words } from '../words.ts';
import { parseBytecode } from './bytecode.ts';
import { readObject, setGlobal } from './object-words.ts';
import { SHARE_USAGE, ShareWords } from './share-words.ts';
import { type DumpedFilter, dumpFilter, filterJson, filterText } from './tc-filter-text.ts';
import { classid, filterPlace } from './tc-words.ts';

export const qdiscShow = command<{ qdiscs: readonly Qdisc[]; names: ReadonlyMap<number, string>; filtered: boolean }>({
  path: ['tc', 'qdisc', 'show'],
  usage: '[dev NAME]',
  about: 'lists the qdiscs',
  run({ kernel }, words) {
    const device = words.exact('dev') === undefined ? undefined : words.next('the name of the device');
    const names = new Map(listDevices(kernel).map((link) => [link.ifindex, link.name ?? '']));
    return { qdiscs: listQdiscs(kernel, device).filter(isClsact), names, filtered: device !== undefined };
  },
  text: ({ qdiscs, names, filtered }) =>
    qdiscs
      .map(({ kind, handle, parent, ifindex }) => {
        const device = filtered ? '' : `dev ${names.get(ifindex) ?? ifindex} `;
        return `qdisc ${kind} ${formatClassid(handle)} ${device}parent ${formatClassid(parent)} ${kind === 'ingress' ? '---------------- ' : ''}`;
      })
      .join('\n'),
  json: ({ qdiscs, names, filtered }) =>
    qdiscs.map(({ kind, handle, parent, ifindex }) => ({
      kind,
      handle: formatClassid(handle),
      dev: filtered ? undefined : names.get(ifindex),
      parent: formatClassid(parent),
      options: {},
    })),
});

/** Only what can hold bpf filters here is listed: the queueing qdiscs of a running kernel are none of ours. */
function isClsact({ kind }: Qdisc): boolean {
  return kind === 'clsact' || kind === 'ingress';
}

export const qdiscCommands: readonly AnyCommand[] = (['add', 'replace', 'change', 'delete'] as const).map((verb) =>
  command<undefined>({
    path: ['tc', 'qdisc', verb],
    usage: 'dev NAME [handle ffff:] {clsact | ingress}',
    about: {
      add: 'makes the qdisc that filters hang on',
      replace: 'makes it if it is not there',
      change: 'fails if it is not there',
      delete: 'removes it, with its filters',
    }[verb],
    run({ kernel }, words) {
      const { device, kind } = qdiscWords(words);
      if (verb === 'delete') deleteQdisc(kernel, device, kind);
      else setQdisc(kernel, device, kind, verb satisfies QdiscVerb);
      return undefined;
    },
    text: () => '',
  }),
);

function qdiscWords(words: Words): { device: string; kind: 'clsact' | 'ingress' } {
  let device: string | undefined;
  for (;;) {
    if (words.exact('dev') !== undefined) device = words.next('the name of the device');
    else if (!takeHandle(words)) break;
  }
  if (device === undefined) throw new UsageError("'dev NAME' is missing");
  const kind = words.exact('clsact', 'ingress');
  if (kind === undefined) throw new UsageError(`'clsact' or 'ingress' expected; other qdiscs are not made by skep`);
  if (kind === 'ingress') takeHandle(words);
  words.end();
  return { device, kind };
}

/** `handle ffff:`, which says nothing: the kernel gives these qdiscs no other. */
function takeHandle(words: Words): boolean {
  if (words.exact('handle') === undefined) return false;
  const handle = words.next('the handle');
  if (!/^(0x)?ffff:0*$/i.test(handle))
    throw new UsageError(`handle '${handle}': that of clsact and ingress is always ffff:`);
  return true;
}

const PLACE = 'dev NAME {ingress | egress | parent MAJ:MIN} [prio N] [protocol P] [handle N] [chain N]';
const PROGRAM = [
  'bpf [da] [classid MAJ:MIN] {obj FILE [sec SECTION | program NAME] [set NAME=VALUE]... |',
  `pinned PATH | bytecode TEXT | bytecode-file FILE} ${SHARE_USAGE} [verbose] [skip_hw] [skip_sw]`,
].join(' ');

export const filterCommands: readonly AnyCommand[] = (['add', 'change', 'replace'] as const).map((verb) =>
  command<undefined>({
    path: ['tc', 'filter', verb],
    usage: `${PLACE} ${PROGRAM}`,
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

function requireParent({ parent }: FilterPlace): void {
  if (parent === 0) throw new UsageError("'ingress', 'egress' or 'parent MAJ:MIN' is missing");
}

/** What the options of kind `bpf` say, in any order. */
interface BpfWords {
  mode: { kind: 'obj' | 'pinned' | 'bytecode' | 'bytecode-file'; word: string } | undefined;
  section: string | undefined;
  program: string | undefined;
  classid: number | undefined;
  directAction: boolean;
  flagsGen: number;
  verbose: boolean;
  sets: string[];
  share: ShareWords;
}

function bpfWords(context: Context, words: Words): BpfWords {
  const said: BpfWords = {
    mode: undefined,
    section: undefined,
    program: undefined,
    classid: undefined,
    directAction: false,
    flagsGen: 0,
    verbose: false,
    sets: [],
    share: new ShareWords(context, 'tc'),
  };
  while (!words.done) {
    if (said.share.take(words) || words.keyword('run') !== undefined) continue;
    if (words.keyword('classid', 'flowid') !== undefined) said.classid = classid(words.next('the class'), 'classid');
    else if (words.exact('da') !== undefined || words.keyword('direct-action') !== undefined) said.directAction = true;
    else if (words.keyword('skip_hw') !== undefined) said.flagsGen |= TCA_CLS_FLAGS_SKIP_HW;
    else if (words.keyword('skip_sw') !== undefined) said.flagsGen |= TCA_CLS_FLAGS_SKIP_SW;
    else if (words.exact('set') !== undefined) said.sets.push(words.next('NAME=VALUE'));
    else if (words.exact('program') !== undefined) said.program = words.next('the name of the program');
    else if (words.keyword('section') !== undefined) said.section = words.next('the name of the section');
    else if (words.keyword('verbose') !== undefined) said.verbose = true;
    else if (words.keyword('action') !== undefined)
      throw new UsageError('actions on filters are not supported yet; use a direct-action program (da)');
    else if (said.mode === undefined) said.mode = bpfMode(words);
    else words.end();
  }
  return said;
}

function bpfMode(words: Words): NonNullable<BpfWords['mode']> {
  if (words.exact('obj') !== undefined || words.exact('object') !== undefined)
    return { kind: 'obj', word: words.next('the object file') };
  if (words.exact('bc') !== undefined) return { kind: 'bytecode', word: words.next('the bytecode') };
  if (words.exact('bcf') !== undefined) return { kind: 'bytecode-file', word: words.next('the bytecode file') };
  switch (words.keyword('bytecode', 'bytecode-file', 'object-file', 'object-pinned', 'pinned', 'fd')) {
    case 'bytecode':
      return { kind: 'bytecode', word: words.next('the bytecode') };
    case 'bytecode-file':
      return { kind: 'bytecode-file', word: words.next('the bytecode file') };
    case 'object-file':
      return { kind: 'obj', word: words.next('the object file') };
    case 'object-pinned':
    case 'pinned':
    case 'fd':
      return { kind: 'pinned', word: words.next('the path of the pinned program') };
    default:
      throw new UsageError(
        `what mode is '${words.peek()}'? obj FILE, pinned PATH, bytecode TEXT or bytecode-file FILE is expected`,
      );
  }
}

/** Loads what the words name and attaches it. What was loaded for a filter that then fails is gone with the handles, and so are its new pins. */
function attach(context: Context, words: Words, place: FilterPlace, verb: FilterVerb): void {
  const { kernel } = context;
  const said = bpfWords(context, words);
  const { mode } = said;
  if (mode === undefined)
    throw new UsageError('the program is missing: obj FILE, pinned PATH, bytecode TEXT or bytecode-file FILE');
  const options = { directAction: said.directAction, classid: said.classid, flagsGen: said.flagsGen };
  // Asked first, so that a device that is not there costs nothing.
  findDevice(kernel, place.device);
  switch (mode.kind) {
    case 'bytecode':
      setFilter(kernel, place, { classic: parseBytecode(mode.word) }, options, verb);
      return;
    case 'bytecode-file':
      setFilter(
        kernel,
        place,
        { classic: parseBytecode(new TextDecoder().decode(context.readFile(mode.word))) },
        options,
        verb,
      );
      return;
    case 'pinned': {
      using program = openProgram(kernel, { pinned: mode.word });
      setFilter(kernel, place, program, { ...options, name: `${basename(mode.word)}:[*fsobj]` }, verb);
      return;
    }
    case 'obj':
      attachObject(context, mode.word, said, place, options, verb);
  }
}

function attachObject(
  context: Context,
  file: string,
  said: BpfWords,
  place: FilterPlace,
  options: { directAction: boolean; classid: number | undefined; flagsGen: number },
  verb: FilterVerb,
): void {
  const { kernel } = context;
  const object = readObject(context, file);
  for (const word of said.sets) setGlobal(object, word);
  const { spec } = object;
  const main = findProgram(
    spec,
    said.program === undefined ? { section: said.section ?? 'classifier' } : { name: said.program },
  );
  const arrays = new Set(spec.maps.filter((map) => map.type === 'prog_array').map((map) => map.id));
  const tails = spec.programs.filter((p) => p !== main && arrays.has(tailCallSection(p.section)?.id ?? -1));
  load(
    kernel,
    object,
    {
      programs: [main, ...tails],
      type: 'sched_cls',
      internalMaps: 'referenced',
      ...said.share.options(),
      logLevel: said.verbose ? 2 : 0,
    },
    (loaded) => {
      for (const warning of loaded.warnings) context.note(`warning: ${warning}`);
      const name = `${basename(file)}:[${main.section}]`;
      setFilter(kernel, place, loaded.program(main), { ...options, name }, verb);
    },
  ).close();
}

export const filterShow = command<{ filters: readonly DumpedFilter[] }>({
  path: ['tc', 'filter', 'show'],
  usage: 'dev NAME [ingress | egress | parent MAJ:MIN] [prio N] [protocol P] [chain N]',
  about: 'lists the filters of a device',
  run({ kernel, details }, words) {
    const place = filterPlace(words);
    words.end();
    const filters = listFilters(kernel, place).filter((f) => matches(place, f.priority, f.protocol));
    return { filters: filters.map((filter) => dumpFilter(kernel, filter, place, details)) };
  },
  text: ({ filters }) => filters.map(filterText).join('\n'),
  json: ({ filters }) => filters.map(filterJson),
});

function matches(place: FilterPlace, priority: number, protocol: number): boolean {
  return (place.priority ?? priority) === priority && (place.protocol ?? protocol) === protocol;
}

export const filterGet = command<DumpedFilter>({
  path: ['tc', 'filter', 'get'],
  usage: 'dev NAME {ingress | egress | parent MAJ:MIN} prio N protocol P handle N bpf',
  about: 'shows one filter',
  run({ kernel, details }, words) {
    const place = filterPlace(words);
    words.expect('bpf');
    for (const field of ['priority', 'protocol', 'handle'] as const) {
      if (place[field] === undefined) throw new UsageError(`${field} is missing`);
    }
    // tc repeats here what the command said.
    return dumpFilter(kernel, getFilter(kernel, place), { device: place.device, parent: 0 }, details);
  },
  text: filterText,
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
