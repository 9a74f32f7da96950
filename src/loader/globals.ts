import type { Btf } from '../btf/btf.ts';
import { encodeAt } from '../btf/path.ts';
import { type BtfValue, decodeValue, encodeValue } from '../btf/value.ts';
import { UsageError } from '../errors.ts';
import type { MapSpec, ObjectSpec } from '../object/spec.ts';
import { list } from './share.ts';

/** The global variables of an object by name: read and written as properties, decoded through BTF. */
export type Globals = Record<string, BtfValue>;

/** One global variable: where in which internal map it is. */
export interface GlobalVariable {
  readonly name: string;
  /** {@link MapSpec.name} of the section, e.g. `.rodata`. */
  readonly map: string;
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly size: number;
  readonly typeId: number;
}

/** Where the content of the sections is: in the spec before the load, in the kernel's maps after it. */
export interface SectionStore {
  read(map: string): Uint8Array;
  write(map: string, bytes: Uint8Array): void;
}

/** The variables of all internal maps that have BTF, in section order. */
export function globalVariables(spec: ObjectSpec): GlobalVariable[] {
  const { btf } = spec;
  return btf === undefined ? [] : spec.maps.flatMap((map) => sectionVariables(btf, map));
}

function sectionVariables(btf: Btf, map: MapSpec): GlobalVariable[] {
  if (map.style !== 'internal' || map.valueTypeId === 0) return [];
  const section = btf.type(map.valueTypeId);
  if (section.kind !== 'datasec') return [];
  return section.variables.flatMap(({ typeId, offset, size }): GlobalVariable[] => {
    const variable = btf.type(typeId);
    if (variable.kind !== 'var' || offset + size > map.valueSize) return [];
    return [{ name: variable.name, map: map.name, offset, size, typeId: variable.typeId }];
  });
}

/**
 * Sets a part of a variable, named as C does: `mark`, `shape.color`, `shape.at[1].x`. The rest of the variable stays.
 * Throws UsageError as {@link createGlobals} does.
 */
export function setGlobal(spec: ObjectSpec, store: SectionStore, path: string, value: BtfValue): void {
  const [, name = '', rest = ''] = /^([^.[]*)(.*)$/s.exec(path) ?? [];
  const { btf } = spec;
  const { map, offset, size, typeId } = findVariable(spec, name);
  if (btf === undefined) return; // findVariable has thrown
  const bytes = new Uint8Array(store.read(map));
  try {
    encodeAt(btf, typeId, rest, value, bytes.subarray(offset, offset + size));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const { message } = error;
    throw new UsageError(`global ${name}${/^[.[]/.test(message) ? '' : ': '}${message}`, { cause: error });
  }
  store.write(map, bytes);
}

function findVariable(spec: ObjectSpec, name: string): GlobalVariable {
  const variables = globalVariables(spec);
  const variable = variables.find((candidate) => candidate.name === name);
  if (variable !== undefined) return variable;
  const why =
    spec.btf === undefined ? 'it has no BTF (compile with -g)' : `it has ${list(variables.map((one) => one.name))}`;
  throw new UsageError(`${spec.file} has no global variable ${name}: ${why}`);
}

/** Properties that JavaScript itself asks any object for; they are not misspelt variables. */
const NOT_VARIABLES = new Set<string | symbol>(['then', 'toJSON', 'constructor']);

/**
 * An object whose properties are the variables. Reading or writing one that is not there throws UsageError, and so does a value that does not
 * fit its type. A write replaces the variable's bytes within its section: on a live map that is a read and a write of the whole section, so a
 * program that writes to another variable of the section in between is overtaken.
 */
export function createGlobals(spec: ObjectSpec, store: SectionStore): Globals {
  const { btf } = spec;
  const variables = new Map(globalVariables(spec).map((variable) => [variable.name, variable]));
  const find = (name: string | symbol): GlobalVariable => {
    const variable = typeof name === 'string' ? variables.get(name) : undefined;
    return variable ?? findVariable(spec, String(name)); // which throws
  };
  return new Proxy<Globals>(Object.create(null), {
    get(_target, name) {
      if (typeof name === 'symbol' || (NOT_VARIABLES.has(name) && !variables.has(name))) return undefined;
      const { map, offset, size, typeId } = find(name);
      return btf && decodeValue(btf, typeId, store.read(map).subarray(offset, offset + size));
    },
    set(_target, name, value: BtfValue) {
      const { map, offset, size, typeId } = find(name);
      if (btf === undefined) return false;
      const bytes = new Uint8Array(store.read(map));
      try {
        bytes.set(encodeValue(btf, typeId, value).subarray(0, size), offset);
      } catch (error) {
        if (error instanceof UsageError)
          throw new UsageError(`global ${String(name)}: ${error.message}`, { cause: error });
        throw error;
      }
      store.write(map, bytes);
      return true;
    },
    has: (_target, name) => typeof name === 'string' && variables.has(name),
    ownKeys: () => [...variables.keys()],
    getOwnPropertyDescriptor: (_target, name) =>
      typeof name === 'string' && variables.has(name) ? { enumerable: true, configurable: true } : undefined,
  });
}
