import { BpfError, UsageError } from '../errors.ts';
import { listMaps, listPrograms } from '../loader/info.ts';
import { type BpfLink, openLink } from '../loader/link.ts';
import { type BpfMap, openMap } from '../loader/map.ts';
import { type BpfProgram, openProgram } from '../loader/program.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { Words } from './words.ts';

/** What {@link selectMaps} takes, in the notation of usages. */
export const MAP = '{id N | name NAME | pinned FILE}';

/** `id N | name NAME | pinned FILE`: the maps it names; several may have one name. */
export function selectMaps(kernel: Kernel, words: Words, options: { readOnly?: boolean } = {}): BpfMap[] {
  switch (words.expect('id', 'name', 'pinned')) {
    case 'id':
      return [openMap(kernel, { id: words.number('the id of the map') }, options)];
    case 'pinned':
      return [openMap(kernel, { pinned: words.next('the path of the pinned map') }, options)];
    case 'name': {
      const name = words.next('the name of the map');
      const ids = [...listMaps(kernel)].filter((map) => map.name === name).map((map) => map.id);
      if (ids.length === 0)
        throw new BpfError('ENOENT', `there is no map named ${name} (kernels keep 15 characters of a name)`);
      return ids.map((id) => openMap(kernel, { id }, options));
    }
  }
}

/** As {@link selectMaps}, for commands that work on one map. */
export function selectMap(kernel: Kernel, words: Words, options: { readOnly?: boolean } = {}): BpfMap {
  return one(selectMaps(kernel, words, options), 'maps');
}

/** What {@link selectPrograms} takes, in the notation of usages. */
export const PROG = '{id N | tag TAG | name NAME | pinned FILE}';

/** `id N | tag TAG | name NAME | pinned FILE`: the programs it names; several may have one tag or name. */
export function selectPrograms(kernel: Kernel, words: Words): BpfProgram[] {
  const by = words.expect('id', 'tag', 'name', 'pinned');
  switch (by) {
    case 'id':
      return [openProgram(kernel, { id: words.number('the id of the program') })];
    case 'pinned':
      return [openProgram(kernel, { pinned: words.next('the path of the pinned program') })];
    default: {
      const wanted = words.next(`the ${by} of the program`);
      const ids = [...listPrograms(kernel)].filter((program) => program[by] === wanted).map((program) => program.id);
      if (ids.length === 0) throw new BpfError('ENOENT', `there is no program with ${by} ${wanted}`);
      return ids.map((id) => openProgram(kernel, { id }));
    }
  }
}

export function selectProgram(kernel: Kernel, words: Words): BpfProgram {
  return one(selectPrograms(kernel, words), 'programs');
}

function one<T extends Disposable & { readonly id: number }>(found: readonly T[], kind: string): T {
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  for (const item of found) item[Symbol.dispose]();
  throw new UsageError(`several ${kind} match: ids ${found.map((item) => item.id).join(', ')}; choose one by id`);
}

/** `id N | pinned FILE`. */
export function selectLink(kernel: Kernel, words: Words): BpfLink {
  switch (words.expect('id', 'pinned')) {
    case 'id':
      return openLink(kernel, { id: words.number('the id of the link') });
    case 'pinned':
      return openLink(kernel, { pinned: words.next('the path of the pinned link') });
  }
}

/** `[hex] B B B …`: bytes as C integer literals (with `hex`, as bare hex digits), as many as `size`. */
export function parseBytes(words: Words, size: number, what: string): Uint8Array {
  const hex = words.exact('hex') !== undefined;
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    const word = words.next(`${what}: byte ${i + 1} of ${size}`);
    const n = hex ? (/^[0-9a-fA-F]{1,2}$/.test(word) ? Number.parseInt(word, 16) : Number.NaN) : byteLiteral(word);
    if (Number.isNaN(n)) {
      throw new UsageError(
        `${what}: '${word}' is no byte; ${size} bytes are expected, each 0 to 255, 0x00 to 0xff, or after 'hex' 00 to ff`,
      );
    }
    bytes[i] = n;
  }
  return bytes;
}

function byteLiteral(word: string): number {
  if (/^0[0-7]+$/.test(word)) return inRange(Number.parseInt(word, 8));
  return /^(0[xX][0-9a-fA-F]+|\d+)$/.test(word) ? inRange(Number(word)) : Number.NaN;
}

function inRange(n: number): number {
  return n <= 255 ? n : Number.NaN;
}
