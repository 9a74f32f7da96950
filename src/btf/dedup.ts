import { ObjectError } from '../errors.ts';
import { mapTypeIds, typeIds } from './type-ids.ts';
import type { BtfType } from './types.ts';

/** Types by id, `types[0]` being void. */
export type BtfTypes = readonly BtfType[];

export interface DedupResult {
  readonly types: BtfTypes;
  /** Of each id of the input, the id in `types` that stands for it. */
  readonly ids: Uint32Array;
}

/**
 * The same types, each once: what several objects have in common is merged, and a forward declaration gives way to the one struct or union that it can
 * mean. Two structs are one if all that can be reached from them agrees. Variables and data sections are kept as they are. What is equal, and in which
 * order things are tried, is as in libbpf's btf__dedup.
 *
 * Throws ObjectError for ids that do not exist and for pointers, qualifiers and the like that go in a circle.
 */
export function dedupTypes(types: BtfTypes): DedupResult {
  for (const [id, type] of types.entries()) {
    for (const to of typeIds(type))
      if (to >= types.length) throw bad(`type ${id} refers to type ${to}, which is not there`);
  }
  return new Dedup(types).run();
}

const UNKNOWN = 0xffffffff;
const IN_PROGRESS = 0xfffffffe;
/** Pairs of types that are compared, at most: so many for each type, more than real types need. When they run out, types stay apart that could be one. */
const STEPS_PER_TYPE = 256;
const MAX_STEPS = 1 << 24;
/** How deep two types within one input are compared, which should be one but are not. libbpf's number. */
const IDENTICAL_DEPTH = 16;

class Dedup {
  readonly #types: BtfTypes;
  /** What stands for each type: itself, another, or not yet known. */
  readonly #map: Uint32Array;
  readonly #shapes: Shapes;
  /** The candidate that each representative is taken to be equal to, while two graphs are compared. */
  readonly #assumed = new Map<number, number>();
  /** Of what refers to others, the representative by looks and what is referred to. */
  readonly #references = new Map<string, number>();
  #steps: number;

  constructor(types: BtfTypes) {
    this.#types = types;
    this.#map = new Uint32Array(types.length).fill(UNKNOWN);
    this.#shapes = new Shapes(types);
    this.#steps = Math.min(MAX_STEPS, STEPS_PER_TYPE * types.length);
  }

  run(): DedupResult {
    this.#keep();
    this.#plain();
    this.#enums();
    this.#composites();
    this.#forwards();
    for (let id = 1; id < this.#types.length; id++) this.#reference(id);
    return this.#compact();
  }

  #type(id: number): BtfType {
    return this.#types[id] ?? VOID;
  }

  /** The type that stands for `id` as far as is known. */
  #resolve(id: number): number {
    for (let at = id; ; ) {
      const next = this.#map[at] ?? UNKNOWN;
      if (next === at || next >= IN_PROGRESS) return at;
      at = next;
    }
  }

  #keep(): void {
    for (const [id, { kind }] of this.#types.entries()) {
      if (kind === 'void' || kind === 'var' || kind === 'datasec') this.#map[id] = id;
    }
  }

  /** Types that refer to no other and are equal if they look the same. */
  #plain(): void {
    const known = new Map<number, number>();
    for (const [id, { kind }] of this.#types.entries()) {
      if (kind === 'int' || kind === 'float' || kind === 'fwd') this.#map[id] = firstOf(known, this.#shapes.of(id), id);
    }
  }

  /** An enum without values is a forward declaration, of whichever enum has its name. */
  #enums(): void {
    const known = new Map<number, number>();
    const full = new Map<string, number>();
    const forward = new Map<string, number>();
    for (const [id, type] of this.#types.entries()) {
      if (type.kind !== 'enum' && type.kind !== 'enum64') continue;
      const isForward = type.values.length === 0 && type.name !== '';
      if (isForward) {
        this.#map[id] = forward.get(type.name) ?? full.get(type.name) ?? id;
        if (this.#map[id] === id) forward.set(type.name, id);
        continue;
      }
      this.#map[id] = firstOf(known, this.#shapes.of(id), id);
      if (this.#map[id] !== id || type.name === '') continue;
      full.set(type.name, id);
      const declared = forward.get(type.name);
      if (declared !== undefined) this.#map[declared] = id;
    }
  }

  /** Structs and unions, and typedefs, which may be part of a circle through them. */
  #composites(): void {
    const known = new Map<number, number[]>();
    for (const [id, { kind }] of this.#types.entries()) {
      if ((kind !== 'struct' && kind !== 'union' && kind !== 'typedef') || this.#map[id] !== UNKNOWN) continue;
      const shape = this.#shapes.of(id);
      const candidates = known.get(shape) ?? [];
      // Without steps left nothing is equal: do not even look.
      const equal = this.#steps < 0 ? undefined : candidates.find((candidate) => this.#unify(id, candidate));
      this.#map[id] = equal ?? id;
      if (equal === undefined) candidates.push(id);
      known.set(shape, candidates);
    }
  }

  /** Whether all that can be reached from both agrees; then what was learnt on the way is kept. */
  #unify(id: number, representative: number): boolean {
    this.#assumed.clear();
    if (!this.#isEquivalent(id, representative)) return false;
    for (const [known, candidate] of this.#assumed) {
      const from = this.#resolve(candidate);
      const to = this.#resolve(known);
      const isForward = this.#type(from).kind === 'fwd';
      if (this.#type(to).kind === 'fwd') {
        if (!isForward) this.#map[to] = from;
      } else if (
        isForward ||
        (isComposite(this.#type(from)) && this.#map[from] === UNKNOWN && this.#map[to] !== UNKNOWN)
      ) {
        this.#map[from] = to;
      }
    }
    return true;
  }

  /** Compares two graphs of types on the assumption that pairs which were met before are equal, so that circles end. */
  #isEquivalent(id: number, representative: number): boolean {
    const pairs: (readonly [number, number])[] = [[id, representative]];
    for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
      const [candidate, original] = pair;
      if (--this.#steps < 0) return false;
      if (this.#resolve(candidate) === this.#resolve(original)) continue;
      const known = this.#withoutForward(original);
      const assumed = this.#assumed.get(known);
      if (assumed !== undefined) {
        if (assumed !== candidate && !this.#isIdentical(assumed, candidate, IDENTICAL_DEPTH)) return false;
        continue;
      }
      this.#assumed.set(known, candidate);
      if (this.#areForwardAndFull(candidate, known)) continue;
      if (!this.#looksEqual(candidate, known)) return false;
      const ids = typeIds(this.#type(candidate));
      const others = typeIds(this.#type(known));
      this.#steps -= ids.length;
      // The last pushed is compared first.
      for (let i = ids.length - 1; i >= 0; i--) pairs.push([ids[i] ?? 0, others[i] ?? 0]);
    }
    return true;
  }

  /** Two types of one input that the compiler should have made one. */
  #isIdentical(a: number, b: number, depth: number): boolean {
    if (a === b) return true;
    if (depth === 0 || --this.#steps < 0 || !this.#looksEqual(a, b)) return false;
    const others = typeIds(this.#type(b));
    return typeIds(this.#type(a)).every((id, i) => this.#isIdentical(id, others[i] ?? 0, depth - 1));
  }

  /** Whether two types agree in all but the ids that they refer to. */
  #looksEqual(a: number, b: number): boolean {
    return this.#shapes.of(a) === this.#shapes.of(b) || areEnumAndForward(this.#type(a), this.#type(b));
  }

  #areForwardAndFull(a: number, b: number): boolean {
    const [x, y] = [this.#type(a), this.#type(b)];
    if (x.name !== y.name) return false;
    return (x.kind === 'fwd' && x.of === y.kind) || (y.kind === 'fwd' && y.of === x.kind);
  }

  /** The struct or union that a forward declaration was found to mean. */
  #withoutForward(id: number): number {
    if (this.#type(id).kind !== 'fwd') return id;
    const resolved = this.#resolve(id);
    return this.#type(resolved).kind === 'fwd' ? id : resolved;
  }

  /** Forward declarations that no struct led to: each means the struct or union of its name, if there is one only. */
  #forwards(): void {
    const only = new Map<string, number | undefined>();
    for (const [id, type] of this.#types.entries()) {
      if (isComposite(type) && this.#map[id] === id) only.set(type.name, only.has(type.name) ? undefined : id);
    }
    for (const [id, type] of this.#types.entries()) {
      if (type.kind !== 'fwd' || this.#map[id] !== id) continue;
      const full = only.get(type.name);
      if (full !== undefined && this.#type(full).kind === type.of) this.#map[id] = full;
    }
  }

  /** Pointers, qualifiers, arrays, functions, tags: equal if they look the same and what they refer to is the same. Without recursion: chains may be long. */
  #reference(start: number): void {
    const stack = [start];
    for (let id = stack.at(-1); id !== undefined; id = stack.at(-1)) {
      if ((this.#map[id] ?? UNKNOWN) < IN_PROGRESS) {
        stack.pop();
        continue;
      }
      const isNew = this.#map[id] === UNKNOWN;
      this.#map[id] = IN_PROGRESS;
      const ids = typeIds(this.#type(id));
      const open = isNew ? ids.filter((to) => (this.#map[to] ?? UNKNOWN) >= IN_PROGRESS) : [];
      if (open.some((to) => this.#map[to] === IN_PROGRESS)) throw bad(`type ${id} refers to itself in a circle`);
      if (open.length > 0) {
        stack.push(...open);
        continue;
      }
      const key = `${this.#shapes.of(id)} ${ids.map((to) => this.#resolve(to)).join(' ')}`;
      this.#map[id] = firstOf(this.#references, key, id);
    }
  }

  #compact(): DedupResult {
    const ids = new Uint32Array(this.#types.length);
    let count = 0;
    for (let id = 0; id < ids.length; id++) if (this.#map[id] === id) ids[id] = count++;
    for (let id = 0; id < ids.length; id++) ids[id] = ids[this.#resolve(id)] ?? 0;
    const types = this.#types.filter((_, id) => this.#map[id] === id);
    return { types: types.map((type) => mapTypeIds(type, (id) => ids[id] ?? 0)), ids };
  }
}

/** Numbers for what types look like but for the ids that they refer to: two types look the same if they have the same number. */
class Shapes {
  readonly #types: BtfTypes;
  readonly #numbers = new Map<string, number>();
  readonly #known: Uint32Array;

  constructor(types: BtfTypes) {
    this.#types = types;
    this.#known = new Uint32Array(types.length).fill(UNKNOWN);
  }

  of(id: number): number {
    const known = this.#known[id] ?? UNKNOWN;
    if (known !== UNKNOWN) return known;
    const number = firstOf(this.#numbers, textOf(this.#types[id] ?? VOID), this.#numbers.size);
    this.#known[id] = number;
    return number;
  }
}

/** All that a type says but for the ids that it refers to. */
function textOf(type: BtfType): string {
  switch (type.kind) {
    case 'ptr':
    case 'typedef':
    case 'const':
    case 'volatile':
    case 'restrict':
      return `${type.kind} ${type.name}`;
    default: {
      const unlinked = mapTypeIds(type, () => 0);
      return JSON.stringify(unlinked, (_, value) => (typeof value === 'bigint' ? String(value) : value));
    }
  }
}

const VOID: BtfType = { kind: 'void', name: '' };

function isComposite({ kind }: BtfType): boolean {
  return kind === 'struct' || kind === 'union';
}

function areEnumAndForward(a: BtfType, b: BtfType): boolean {
  if ((a.kind !== 'enum' && a.kind !== 'enum64') || (b.kind !== 'enum' && b.kind !== 'enum64')) return false;
  return a.name !== '' && a.name === b.name && (a.values.length === 0 || b.values.length === 0);
}

/** What was first put under a key: `value`, if nothing was. */
function firstOf<K>(known: Map<K, number>, key: K, value: number): number {
  const first = known.get(key);
  if (first !== undefined) return first;
  known.set(key, value);
  return value;
}

function bad(reason: string): ObjectError {
  return new ObjectError(reason, { section: '.BTF' });
}
