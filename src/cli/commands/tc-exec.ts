import { BpfError, NotSupportedError, UsageError } from '../../errors.ts';
import { type ImportedFds, importFds } from '../../loader/agent.ts';
import { DEFAULT_BPFFS, findBpffs, joinPath } from '../../loader/bpffs.ts';
import { setSlot } from '../../loader/make-maps.ts';
import { openMap } from '../../loader/map.ts';
import { openProgram } from '../../loader/program.ts';
import { TraceLog } from '../../loader/trace.ts';
import { tailCallSection } from '../../object/index.ts';
import type { Kernel } from '../../sys/kernel.ts';
import type { ProgType } from '../../uapi/bpf.ts';
import { type Context, command, stream } from '../command.ts';
import { FIRST_INHERITED, runInheriting } from '../inherit.ts';
import type { Words } from '../words.ts';
import { SHARE_USAGE } from './share-words.ts';
import { TcObjectWords } from './tc-object.ts';

interface Imported {
  readonly object: string;
  readonly fds: readonly { readonly id: number; readonly name: string; readonly what: string; readonly path: string }[];
  /** The exit code of what was run with them. */
  readonly status: number;
}

export const execImport = command<Imported>({
  path: ['tc', 'exec', 'bpf', 'import'],
  usage: 'UDS [pinmaps DIR] [run CMD [ARG]...]',
  about:
    'waits at a socket for the maps of an object, and runs a program with them (BPF_NUM_MAPS, BPF_MAP<id>), or pins them',
  async run(context, words) {
    const uds = words.next('the path of the socket');
    const directory = words.exact('pinmaps') === undefined ? undefined : words.next('the directory for the pins');
    const run = programWords(context, words, directory !== undefined);
    using imported = await waitFor(context, uds);
    const fds = directory === undefined ? [] : pinAll(context.kernel, imported, directory);
    return { object: imported.object.name, fds, status: run === undefined ? 0 : await runWith(context, imported, run) };
  },
  text: ({ fds }) => fds.map(({ id, what, path }) => `${id}: ${what}  pinned ${path}`).join('\n'),
  json: ({ object, fds }) => ({ object, fds: fds.map(({ id, name, path }) => ({ id, name, pinned: path })) }),
  status: ({ status }) => status,
});

async function waitFor({ kernel, signal }: Context, uds: string): Promise<ImportedFds> {
  try {
    return await importFds(kernel, uds, { signal });
  } catch (error) {
    if (signal.aborted) throw new BpfError('EINTR', `interrupted: nobody has handed anything over at ${uds}`);
    throw error;
  }
}

/** What is run: what the words say; a shell, unless the maps are pinned; or nothing. Says at once if fds cannot be inherited, before anybody sends some. */
function programWords(context: Context, words: Words, pinned: boolean): string[] | undefined {
  const said = words.keyword('run') === undefined ? undefined : words.rest();
  if (said?.length === 0) throw new UsageError('what is to be run is missing after run');
  const run = said ?? (pinned ? undefined : [context.env.SHELL || '/bin/sh']);
  if (run !== undefined && !context.inheritable) {
    throw new NotSupportedError('running a program with the fds of a kernel that is not the running one', {
      instead: 'pin what comes in: import UDS pinmaps DIR',
    });
  }
  return run;
}

/** All of them or none. */
function pinAll(kernel: Kernel, { entries }: ImportedFds, directory: string): Imported['fds'] {
  const pinned: Imported['fds'][number][] = [];
  try {
    for (const [i, { id, name, handle }] of entries.entries()) {
      // bpffs keeps names with a dot in them for itself.
      const path = joinPath(directory, (name || `map${id === 0 ? `_${i}` : id}`).replaceAll('.', '_'));
      handle.pin(path);
      pinned.push({ id, name, what: handle.label, path });
    }
    return pinned;
  } catch (error) {
    for (const { path } of pinned) kernel.unlink(path);
    throw error;
  }
}

function runWith(
  context: Context,
  { entries }: ImportedFds,
  [command = '', ...args]: readonly string[],
): Promise<number> {
  const maps = entries.map(({ id }, i) => [`BPF_MAP${id}`, String(FIRST_INHERITED + i)]);
  const env = { ...context.env, BPF_NUM_MAPS: String(entries.length), ...Object.fromEntries(maps) };
  return runInheriting(
    command,
    args,
    entries.map(({ handle }) => handle.fd),
    env,
  );
}

export const execDebug = stream<string>({
  path: ['tc', 'exec', 'bpf', 'debug'],
  usage: '',
  about: 'prints what programs say with bpf_trace_printk, until interrupted',
  run({ kernel, signal, note }, words) {
    words.end();
    note('Running! Hang up with ^C!');
    return traceLines(kernel, signal);
  },
  text: (line) => line,
});

async function* traceLines(kernel: Kernel, signal: AbortSignal): AsyncGenerator<string> {
  using trace = new TraceLog(kernel);
  yield* trace.follow(signal);
}

/** tc's words for program types: what a program is loaded as, and the section that is taken if none is said. In the order in which abbreviations are tried. */
const TYPES = {
  cls: ['sched_cls', 'classifier'],
  act: ['sched_act', 'action'],
  xdp: ['xdp', 'prog'],
  lwt_in: ['lwt_in', 'lwt_in'],
  lwt_out: ['lwt_out', 'lwt_out'],
  lwt_xmit: ['lwt_xmit', 'lwt_xmit'],
  lwt_seg6local: ['lwt_seg6local', 'lwt_seg6local'],
} as const satisfies Record<string, readonly [ProgType, string]>;
// The keys of an object literal.
const TYPE_NAMES = Object.keys(TYPES) as (keyof typeof TYPES)[];

export const execGraft = command<undefined>({
  path: ['tc', 'exec', 'bpf', 'graft'],
  usage: `MAP_PATH [key KEY] {obj FILE [type TYPE] [sec SECTION | program NAME] ${SHARE_USAGE} [export UDS] [verbose] | pinned PATH}`,
  about: 'puts a program into a pinned prog array; without a key, that of its section ID/KEY',
  run(context, words) {
    const { kernel } = context;
    const path = tcPath(kernel, words.next('the path of the prog array'));
    const said = words.keyword('key') === undefined ? undefined : words.number('the key');
    const mode = words.exact('obj', 'object') ?? words.expect('object-file', 'object-pinned', 'pinned', 'fd');
    if (mode === 'object-pinned' || mode === 'pinned' || mode === 'fd') {
      const pinned = tcPath(kernel, words.next('the path of the pinned program'));
      words.end();
      if (said === undefined) throw noKey('a pinned program has no section');
      using program = openProgram(kernel, { pinned });
      graft(kernel, path, said, program.fd);
      return undefined;
    }
    const file = words.next('the object file');
    const object = new TcObjectWords(context);
    let type: keyof typeof TYPES = 'cls';
    while (!words.done) {
      if (words.keyword('type') !== undefined) type = words.expect(...TYPE_NAMES);
      else if (!object.take(words)) words.end();
    }
    const [progType, defaultSection] = TYPES[type];
    object.load(file, progType, defaultSection, (program, { section }) => {
      const key = said ?? tailCallSection(section)?.key;
      if (key === undefined) throw noKey(`section ${section} is not ID/KEY`);
      graft(kernel, path, key, program.fd);
    });
    return undefined;
  },
  text: () => '',
});

function graft(kernel: Kernel, path: string, key: number, fd: Parameters<typeof setSlot>[2]): void {
  using map = openMap(kernel, { pinned: path });
  const { type } = map.info;
  if (type !== 'prog_array') throw new UsageError(`${path} is a map of type ${type}, not prog_array`);
  setSlot(map, key, fd);
}

function noKey(why: string): UsageError {
  return new UsageError(`which slot? ${why}; say it with key KEY`);
}

/** tc's short way to say where its pins are: `m:globals/x`. */
function tcPath(kernel: Kernel, path: string): string {
  return path.startsWith('m:') ? joinPath(findBpffs(kernel) ?? DEFAULT_BPFFS, 'tc', path.slice(2)) : path;
}
