import type { Btf } from '../../../btf/index.ts';
import type { BtfType } from '../../../btf/types.ts';
import { BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, type MapType, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';

/** What the kernel knows in a map's value and keeps for itself. */
export type FieldKind = keyof typeof SIZES;

export interface ValueField {
  readonly kind: FieldKind;
  /** Bytes from the start of the value. */
  readonly offset: number;
  readonly size: number;
  /** Of a pointer: the struct that it points to, and its tag. */
  readonly pointee?: { readonly typeId: number; readonly tag: string };
  /** Of a list or tree: `STRUCT:NODE`, as its declaration tag says. */
  readonly contains?: string;
}

// Structs by name, without `bpf_`, and tagged pointers: bytes and alignment. Source: enum btf_field_type and the structs of <linux/bpf.h>.
// biome-ignore format: aligned table
const SIZES = {
  spin_lock: [4, 4], res_spin_lock: [4, 4], timer: [16, 8], wq: [16, 8], list_head: [16, 8], list_node: [24, 8], rb_root: [16, 8], rb_node: [32, 8],
  refcount: [4, 4], kptr: [8, 8], uptr: [8, 8],
} as const;

/** Fields of one value at most. */
const MAX_FIELDS = 11;
/** Structs within structs that are looked into. */
const MAX_DEPTH = 4;
/** Members of one value that are looked at, those of structs within it counted each time. */
const MAX_MEMBERS = 100_000;
/** Of these a value has one. */
const SINGLE: ReadonlySet<FieldKind> = new Set(['spin_lock', 'res_spin_lock', 'timer', 'wq', 'refcount']);
const KPTR_TAGS: Readonly<Record<string, FieldKind>> = {
  kptr: 'kptr',
  kptr_untrusted: 'kptr',
  percpu_kptr: 'kptr',
  uptr: 'uptr',
};
/** Pointers to objects that programs make, and what these are made of: a BTF is refused whose structs have them in wrong places. */
const OF_OBJECTS: ReadonlySet<FieldKind> = new Set([
  'spin_lock',
  'list_head',
  'list_node',
  'rb_root',
  'rb_node',
  'refcount',
  'kptr',
]);
/** In objects only, not in values of maps. */
const NODES: ReadonlySet<FieldKind> = new Set(['list_node', 'rb_node']);

/** To programs, whatever the flags say. */
const READ_ONLY: ReadonlySet<number> = new Set([mapTypeNumber.devmap, mapTypeNumber.devmap_hash]);
const STORAGES: readonly MapType[] = ['sk_storage', 'inode_storage', 'task_storage', 'cgrp_storage'];
const HASHES: readonly MapType[] = ['hash', 'lru_hash', 'array'];
// biome-ignore format: aligned table
const TAKERS: Readonly<Partial<Record<FieldKind, readonly MapType[]>>> = {
  spin_lock:     ['hash', 'array', 'cgroup_storage', ...STORAGES],
  res_spin_lock: ['hash', 'array', 'cgroup_storage', ...STORAGES],
  timer:         HASHES,
  wq:            HASHES,
  list_head:     HASHES,
  rb_root:       HASHES,
  kptr:          [...HASHES, 'percpu_hash', 'lru_percpu_hash', 'percpu_array', ...STORAGES],
  refcount:      [...HASHES, 'percpu_hash', 'lru_percpu_hash', 'percpu_array', ...STORAGES],
  uptr:          ['task_storage'],
};

/**
 * The fields of a map's value by growing offset. What is wrong with them makes Linux take the map as one without such fields, and refuse the programs that
 * use them: here there are none then.
 */
export function valueFields(btf: Btf, value: BtfType): readonly ValueField[] {
  const found = findFields(btf, value, (kind) => !NODES.has(kind));
  return typeof found === 'number' ? [] : found;
}

/** The fields of a struct that programs make objects of, nodes of lists and trees too. */
export function objectFields(btf: Btf, struct: BtfType): readonly ValueField[] {
  const found = findFields(btf, struct, () => true);
  return typeof found === 'number' ? [] : found;
}

/** BPF_MAP_CREATE: whether maps of this type and with these flags may have such fields: 0 or -errno. */
export function checkFields(fields: readonly ValueField[], type: number, flags: number): number {
  if (fields.length === 0) return 0;
  if (READ_ONLY.has(type) || (flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)) !== 0) return -errno.EACCES;
  for (const { kind } of fields) {
    if (!TAKERS[kind]?.some((name) => mapTypeNumber[name] === type)) return -errno.EOPNOTSUPP;
  }
  const rooted = fields.some(({ kind }) => kind === 'list_head' || kind === 'rb_root');
  return rooted && !fields.some(({ kind }) => kind === 'spin_lock' || kind === 'res_spin_lock') ? -errno.EINVAL : 0;
}

/** BPF_BTF_LOAD: whether the structs that can be objects of programs have their fields where they may be: 0 or -errno. */
export function checkObjects(btf: Btf): number {
  for (let id = 1; id < btf.typeCount; id++) {
    const type = btf.type(id);
    if (type.kind !== 'struct') continue;
    if (!type.members.some(({ typeId }) => OF_OBJECTS.has(kindOf(btf, btf.type(typeId)) ?? 'uptr'))) continue;
    const found = findFields(btf, type, (kind) => OF_OBJECTS.has(kind) || kind === 'res_spin_lock');
    if (typeof found === 'number') return found;
    if (found.some(({ kind }) => kind === 'list_head' || kind === 'rb_root') && !hasRoots(btf, id))
      return -errno.EINVAL;
  }
  return 0;
}

/** Whether something says what is in the lists and trees of a struct: a declaration tag `contains:STRUCT:NODE`. */
function hasRoots(btf: Btf, struct: number): boolean {
  for (let id = 1; id < btf.typeCount; id++) {
    const type = btf.type(id);
    if (type.kind === 'decl_tag' && type.typeId === struct && /^contains:[^:]+:[^:]+$/.test(type.name)) return true;
  }
  return false;
}

/** A walk through a value's members. */
interface Walk {
  readonly btf: Btf;
  readonly wanted: (kind: FieldKind) => boolean;
  readonly fields: ValueField[];
  /** Members that may still be looked at. */
  left: number;
}

function findFields(btf: Btf, value: BtfType, wanted: (kind: FieldKind) => boolean): readonly ValueField[] | number {
  const fields: ValueField[] = [];
  const wrong = collect({ btf, wanted, fields, left: MAX_MEMBERS }, value, 0, 0);
  if (wrong !== 0) return wrong;
  const has = (kind: FieldKind): boolean => fields.some((field) => field.kind === kind);
  if (has('spin_lock') && has('res_spin_lock')) return -errno.EINVAL;
  fields.sort((a, b) => a.offset - b.offset);
  const overlap = fields.some((field, i) => field.offset + field.size > (fields[i + 1]?.offset ?? Number.MAX_VALUE));
  return overlap ? -errno.EEXIST : fields;
}

function collect(walk: Walk, type: BtfType, base: number, depth: number): number {
  const { btf } = walk;
  for (const [index, { typeId, offset, variable }] of partsOf(btf, type).entries()) {
    if (--walk.left < 0) return -errno.E2BIG;
    const [element, count] = unwrapArray(btf, typeId);
    const kind = kindOf(btf, element);
    if (kind !== undefined) {
      const contains = isRoot(kind) ? containedIn(btf, type, variable ?? index) : undefined;
      const found = { kind, offset: base + offset, ...pointeeOf(btf, element), ...(contains && { contains }) };
      const wrong = walk.wanted(kind) ? add(walk.fields, element, found, count) : 0;
      if (wrong !== 0) return wrong;
    } else if (element.kind === 'struct' && depth < MAX_DEPTH) {
      for (let i = 0; i < count; i++) {
        const before = walk.fields.length;
        const wrong = collect(walk, element, base + offset + i * element.size, depth + 1);
        if (wrong !== 0) return wrong;
        // The elements are alike.
        if (walk.fields.length === before) break;
      }
    }
  }
  return 0;
}

function isRoot(kind: FieldKind): boolean {
  return kind === 'list_head' || kind === 'rb_root';
}

function pointeeOf(btf: Btf, type: BtfType): Pick<ValueField, 'pointee'> {
  if (type.kind !== 'ptr') return {};
  const tag = btf.type(type.typeId);
  return tag.kind === 'type_tag' ? { pointee: { typeId: tag.typeId, tag: tag.name } } : {};
}

/** What the declaration tag of a list or tree says: of a member, by its number, or of a variable, by its type. */
function containedIn(btf: Btf, owner: BtfType, place: number): string | undefined {
  for (let id = 1; id < btf.typeCount; id++) {
    const tag = btf.type(id);
    if (tag.kind !== 'decl_tag' || !tag.name.startsWith('contains:')) continue;
    const isIt =
      owner.kind === 'datasec' ? tag.typeId === place : tag.component === place && btf.type(tag.typeId) === owner;
    if (isIt) return tag.name.slice('contains:'.length);
  }
  return undefined;
}

interface Part {
  readonly typeId: number;
  /** Bytes. */
  readonly offset: number;
  /** The type of the variable, where it is one. */
  readonly variable?: number;
}

/** Members of a struct, variables of a section. */
function partsOf(btf: Btf, type: BtfType): readonly Part[] {
  if (type.kind === 'struct') return type.members.map(({ typeId, bitOffset }) => ({ typeId, offset: bitOffset / 8 }));
  if (type.kind !== 'datasec') return [];
  return type.variables.map(({ typeId, offset }) => {
    const variable = btf.type(typeId);
    return { typeId: variable.kind === 'var' ? variable.typeId : typeId, offset, variable: typeId };
  });
}

function add(fields: ValueField[], type: BtfType, found: Omit<ValueField, 'size'>, count: number): number {
  const { kind, offset } = found;
  const [size, align] = SIZES[kind];
  if (offset % align !== 0 || (type.kind === 'struct' && type.size !== size)) return -errno.EFAULT;
  if (SINGLE.has(kind) && (count > 1 || fields.some((other) => other.kind === kind))) return -errno.E2BIG;
  if (fields.length + count > MAX_FIELDS) return -errno.E2BIG;
  for (let i = 0; i < count; i++) fields.push({ ...found, offset: offset + i * size, size });
  return 0;
}

/** What a type is to the kernel, by the name of the struct or the tag of the pointer; typedefs and const are not looked through. */
function kindOf(btf: Btf, type: BtfType): FieldKind | undefined {
  if (type.kind === 'struct' && type.name.startsWith('bpf_')) {
    const name = type.name.slice('bpf_'.length);
    return Object.hasOwn(SIZES, name) && !name.endsWith('ptr') ? (name as keyof typeof SIZES) : undefined; // by the line before
  }
  if (type.kind !== 'ptr') return undefined;
  const tag = btf.type(type.typeId);
  if (tag.kind !== 'type_tag' || !Object.hasOwn(KPTR_TAGS, tag.name)) return undefined;
  return btf.resolve(tag.typeId).kind === 'struct' ? KPTR_TAGS[tag.name] : undefined;
}

/** The element of an array, and of an array of arrays, and how many there are. */
function unwrapArray(btf: Btf, id: number): [element: BtfType, count: number] {
  let [element, count] = [btf.type(id), 1];
  for (let depth = 0; element.kind === 'array' && depth < MAX_DEPTH; depth++) {
    count *= element.length;
    element = btf.type(element.typeId);
  }
  return [element, count];
}
