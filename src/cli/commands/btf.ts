import { type Btf, formatRaw, mergeBtf, parseBtf, printC, type RawType, rawJson } from '../../btf/index.ts';
import { BpfError, UsageError } from '../../errors.ts';
import { ids, orUndefined } from '../../loader/calls.ts';
import { type BtfInfo, btfBytes, btfInfo, listMaps, listPrograms, type MapInfo, withBtf } from '../../loader/info.ts';
import type { Kernel } from '../../sys/kernel.ts';
import type { BtfId } from '../../uapi/fd.ts';
import { type Context, command } from '../command.ts';
import { selectMap, selectProgram } from '../selectors.ts';
import type { Words } from '../words.ts';
import { readBtfFile } from './object-words.ts';

/** A BTF object, and who uses it. */
interface BtfUse extends BtfInfo {
  readonly programs: readonly number[];
  readonly maps: readonly number[];
}

/** Root types that one command may name, as with bpftool. */
const MAX_ROOTS = 16;
/** Files that one command may merge, as with bpftool. */
const MAX_FILES = 64;
/** Here the kernel shows the BTF of each module, which goes on where that of `vmlinux` ends. */
const SYSFS = '/sys/kernel/btf/';

export const btfShow = command<readonly BtfUse[]>({
  path: ['btf', 'show'],
  usage: '[id N]',
  about: 'lists the type information that the kernel holds',
  run({ kernel }, words) {
    if (words.done) return uses(kernel, [...listBtf(kernel)]);
    words.expect('id');
    const id = words.number('the id of the BTF');
    words.end();
    return uses(kernel, [withBtf(kernel, id, (fd) => btfInfo(kernel, fd))]);
  },
  text: (list) => list.map(btfText).join('\n'),
  json: (list) =>
    list.map((btf) => ({
      id: btf.id,
      size: btf.size,
      prog_ids: btf.programs,
      map_ids: btf.maps,
      kernel: btf.kernel,
      name: btf.name === '' ? undefined : btf.name,
    })),
});

function btfText(btf: BtfUse): string {
  const name = btf.name === '' ? '<anon>' : btf.kernel ? `[${btf.name}]` : btf.name;
  const programs = btf.programs.length === 0 ? '' : `  prog_ids ${btf.programs.join(',')}`;
  const maps = btf.maps.length === 0 ? '' : `  map_ids ${btf.maps.join(',')}`;
  return `${btf.id}: name ${name}  size ${btf.size}B${programs}${maps}`;
}

/** Every BTF object of the kernel, by growing id; those that vanish meanwhile are left out. */
function* listBtf(kernel: Kernel): Generator<BtfInfo> {
  for (const id of ids(kernel, 'BPF_BTF_GET_NEXT_ID')) {
    const info = orUndefined('ENOENT', () => withBtf(kernel, id, (fd) => btfInfo(kernel, fd)));
    if (info !== undefined) yield info;
  }
}

function uses(kernel: Kernel, list: readonly BtfInfo[]): BtfUse[] {
  const programs = [...listPrograms(kernel)];
  const maps = [...listMaps(kernel)];
  const idsOf = (users: readonly { readonly id: number; readonly btfId: BtfId | undefined }[], id: number) =>
    users.filter((user) => user.btfId === id).map((user) => user.id);
  return list.map((btf) => ({ ...btf, programs: idsOf(programs, btf.id), maps: idsOf(maps, btf.id) }));
}

/** The types that a command is about. `roots`: only these, and for C what they need. */
interface Dump {
  readonly btf: Btf;
  readonly roots: readonly number[] | undefined;
  readonly format: 'raw' | 'c';
  /** C by kind and name; else by id. */
  readonly sorted: boolean;
}

export const btfDump = command<Dump>({
  path: ['btf', 'dump'],
  usage:
    '{id N | prog PROG | map MAP [key | value | kv | all] | file FILE [file FILE]...} [format {raw | c}] [unsorted] [root_id N]...',
  about: 'prints types, as C or one by one',
  run(context, words) {
    const { btf, roots } = source(context, words);
    const given: number[] = [];
    let format: Dump['format'] = 'raw';
    let sorted = true;
    while (!words.done) {
      switch (words.expect('format', 'root_id', 'unsorted')) {
        case 'format':
          format = words.expect('raw', 'c');
          break;
        case 'root_id':
          given.push(rootId(words, btf, given));
          break;
        case 'unsorted':
          sorted = false;
      }
    }
    if (roots !== undefined && given.length > 0)
      throw new UsageError("root_id does not go with the types of a map's key and value; add 'all' after the map");
    return { btf, roots: given.length > 0 ? given : roots, format, sorted };
  },
  text: ({ btf, roots, format, sorted }) => {
    if (format === 'c') return printC(btf, { roots, sorted });
    const lines: string[] = [];
    for (const id of roots ?? btf.ownIds()) lines.push(formatRaw(btf, id));
    return lines.join('\n');
  },
  json: ({ btf, roots, format }) => {
    if (format === 'c') throw new UsageError('types as C are no JSON: leave out --json, or ask for format raw');
    const types: RawType[] = [];
    for (const id of roots ?? btf.ownIds()) types.push(rawJson(btf, id));
    return { types };
  },
});

function rootId(words: Words, btf: Btf, known: readonly number[]): number {
  const id = words.number('root_id', 1, btf.typeCount - 1);
  if (known.includes(id)) throw new UsageError(`root_id ${id} is given twice`);
  if (known.length >= MAX_ROOTS) throw new UsageError(`there are more than ${MAX_ROOTS} root_ids`);
  return id;
}

function source(context: Context, words: Words): { btf: Btf; roots?: readonly number[] | undefined } {
  switch (words.expect('id', 'prog', 'map', 'file')) {
    case 'id':
      return { btf: loadedBtf(context, words.number('the id of the BTF')) };
    case 'prog': {
      using program = selectProgram(context.kernel, words);
      return { btf: loadedBtf(context, usedBy(program.info.btfId, `program ${program.id}`)) };
    }
    case 'map': {
      using map = selectMap(context.kernel, words);
      const btf = loadedBtf(context, usedBy(map.info.btfId, `map ${map.id}`));
      return { btf, roots: mapRoots(words.keyword('key', 'value', 'kv', 'all') ?? 'kv', map.info) };
    }
    case 'file':
      return { btf: filesBtf(context, words) };
  }
}

function usedBy(id: BtfId | undefined, user: string): BtfId {
  if (id !== undefined) return id;
  throw new BpfError('ENOENT', `${user} has no BTF: it was loaded without`);
}

function mapRoots(which: 'key' | 'value' | 'kv' | 'all', { keyTypeId, valueTypeId }: MapInfo): number[] | undefined {
  if (which === 'all') return undefined;
  const wanted = { key: [keyTypeId], value: [valueTypeId], kv: [keyTypeId, valueTypeId] }[which];
  return [...new Set(wanted)].filter((id) => id !== 0);
}

/** The types of a BTF object that the kernel holds; those of a module go on from those of the kernel, if the user names no others. */
function loadedBtf(context: Context, id: number): Btf {
  const { kernel } = context;
  return withBtf(kernel, id, (fd) => {
    const info = btfInfo(kernel, fd);
    const isModule = info.kernel && info.name !== 'vmlinux';
    return parseBtf(btfBytes(kernel, fd), givenBase(context) ?? (isModule ? vmlinux(kernel) : undefined));
  });
}

function vmlinux(kernel: Kernel): Btf | undefined {
  for (const info of listBtf(kernel)) {
    if (info.kernel && info.name === 'vmlinux') return withBtf(kernel, info.id, (fd) => parseBtf(btfBytes(kernel, fd)));
  }
  return undefined;
}

function givenBase(context: Context): Btf | undefined {
  return context.baseBtf === undefined ? undefined : readBtfFile(context, context.baseBtf);
}

/** Files of the user, or of sysfs: one, or several that go on from one base, as one. */
function filesBtf(context: Context, words: Words): Btf {
  const files: string[] = [];
  do {
    files.push(words.next('the file with the types'));
    if (files.length > MAX_FILES) throw new UsageError(`there are more than ${MAX_FILES} files`);
  } while (words.keyword('file') !== undefined);
  // It is the base of the others there.
  const split = files.filter((file) => file !== `${SYSFS}vmlinux`);
  const inSysfs = split.some((file) => file.startsWith(SYSFS));
  const base = givenBase(context) ?? (inSysfs ? readBtfFile(context, `${SYSFS}vmlinux`) : undefined);
  const [first = `${SYSFS}vmlinux`, ...more] = split;
  if (more.length === 0) return readBtfFile(context, first, base);
  if (base === undefined)
    throw new UsageError('several files are merged only over a base that they share: give it with --base-btf FILE');
  return mergeBtf(
    base,
    split.map((file) => readBtfFile(context, file, base)),
  );
}
