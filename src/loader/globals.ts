import type { Btf } from '../btf/btf.ts';
import { encodeAt } from '../btf/path.ts';
import { type BtfValue, decodeValue, encodeValue } from '../btf/value.ts';
import { UsageError } from '../errors.ts';
import type { ObjectSpec } from '../object/spec.ts';
import { list } from './share.ts';

/** The global variables of an object by name: read and written as properties, decoded through BTF. */
export type Globals = Record<string, BtfValue>;

/** One global variable: where in which internal map it is. */
export interface GlobalVariable {
  readonly name: string;
  /** {@link MapSpec.name} of the section, e.g. `.rodata`, or of the arena. */
  readonly map: string;
  /** Bytes from the start of the section. */
  readonly offset: number;
  readonly size: number;
  readonly btf: Btf;
  readonly typeId: number;
}

/** Where the variables are: in the spec before the load, in the kernel's maps after it, or in memory shared with the kernel. */
export interface VariableStore {
  /** The `size` bytes of a variable, not to be changed. */
  read(variable: GlobalVariable): Uint8Array;
  write(variable: GlobalVariable, bytes: Uint8Array): void;
}

/** Whole sections, by {@link MapSpec.name}. */
export interface SectionStore {
  read(map: string): Uint8Array;
  write(map: string, bytes: Uint8Array): void;
}

/** Variables in sections that can only be read and written as a whole. */
export function inSections(sections: SectionStore): VariableStore {
  return {
    read: ({ map, offset, size }) => sections.read(map).subarray(offset, offset + size),
    write({ map, offset }, bytes) {
      const section = new Uint8Array(sections.read(map));
      section.set(bytes, offset);
      sections.write(map, section);
    },
  };
}

/** The variables of all internal maps that have BTF, in section order, then those of the arena. */
export function globalVariables(spec: ObjectSpec): GlobalVariable[] {
  const { btf } = spec;
  if (btf === undefined) return [];
  const internal = spec.maps.filter(({ style }) => style === 'internal');
  const variables = internal.flatMap((map) => sectionVariables(btf, map.name, map.valueTypeId, map.valueSize));
  const { arena } = spec;
  return arena === undefined
    ? variables
    : [...variables, ...sectionVariables(btf, arena.map, arena.typeId, arena.data.length)];
}

function sectionVariables(btf: Btf, map: string, datasec: number, sectionSize: number): GlobalVariable[] {
  const section = btf.type(datasec);
  if (section.kind !== 'datasec') return [];
  return section.variables.flatMap(({ typeId, offset, size }): GlobalVariable[] => {
    const variable = btf.type(typeId);
    if (variable.kind !== 'var' || offset + size > sectionSize) return [];
    return [{ name: variable.name, map, offset, size, btf, typeId: variable.typeId }];
  });
}

/**
 * Sets a part of a variable, named as C does: `mark`, `shape.color`, `shape.at[1].x`. The rest of the variable stays.
 * Throws UsageError as {@link createGlobals} does.
 */
export function setGlobal(spec: ObjectSpec, store: VariableStore, path: string, value: BtfValue): void {
  const [, name = '', rest = ''] = /^([^.[]*)(.*)$/s.exec(path) ?? [];
  const variable = findVariable(spec, variablesByName(spec), name);
  writeVariable(store, variable, (btf, bytes) => encodeAt(btf, variable.typeId, rest, value, bytes), joined);
}

/** What {@link encodeAt} says, after the variable's name: a message that starts with a part goes on from it. */
function joined(message: string): string {
  return /^[.[]/.test(message) ? message : `: ${message}`;
}

function variablesByName(spec: ObjectSpec): ReadonlyMap<string, GlobalVariable> {
  return new Map(globalVariables(spec).map((variable) => [variable.name, variable]));
}

function findVariable(spec: ObjectSpec, variables: ReadonlyMap<string, GlobalVariable>, name: string): GlobalVariable {
  const variable = variables.get(name);
  if (variable !== undefined) return variable;
  if (spec.externs.some((extern) => extern.kind === 'kconfig' && extern.name === name))
    throw new UsageError(
      `${name} is an option of the kernel's, not a variable of ${spec.file}: it is known once the object is loaded; say what it shall be with the option kconfig`,
    );
  const why = spec.btf === undefined ? 'it has no BTF (compile with -g)' : `it has ${list([...variables.keys()])}`;
  throw new UsageError(`${spec.file} has no global variable ${name}: ${why}`);
}

/** Changes a variable's bytes. `encode` gets a copy of them, and its UsageError the variable's name. */
function writeVariable(
  store: VariableStore,
  variable: GlobalVariable,
  encode: (btf: Btf, bytes: Uint8Array) => void,
  after: (message: string) => string = (message) => `: ${message}`,
): void {
  const bytes = new Uint8Array(store.read(variable));
  try {
    encode(variable.btf, bytes);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`global ${variable.name}${after(error.message)}`, { cause: error });
  }
  store.write(variable, bytes);
}

/** Properties that JavaScript itself asks any object for; they are not misspelt variables. */
const NOT_VARIABLES = new Set<string | symbol>(['then', 'toJSON', 'constructor']);

/**
 * An object whose properties are the variables. Reading or writing one that is not there throws UsageError, and so does a value that does not
 * fit its type. A write of a live variable through system calls is a read and a write of its whole section, so a program that writes to another variable of
 * the section in between is overtaken; through memory it is that of the variable alone.
 */
export function createGlobals(spec: ObjectSpec, store: VariableStore): Globals {
  const variables = variablesByName(spec);
  const find = (name: string | symbol): GlobalVariable => findVariable(spec, variables, String(name));
  return new Proxy<Globals>(Object.create(null), {
    get(_target, name) {
      if (typeof name === 'symbol' || (NOT_VARIABLES.has(name) && !variables.has(name))) return undefined;
      const variable = find(name);
      return decodeValue(variable.btf, variable.typeId, store.read(variable));
    },
    set(_target, name, value: BtfValue) {
      const variable = find(name);
      const { size, typeId } = variable;
      writeVariable(store, variable, (btf, bytes) => bytes.set(encodeValue(btf, typeId, value).subarray(0, size)));
      return true;
    },
    has: (_target, name) => typeof name === 'string' && variables.has(name),
    ownKeys: () => [...variables.keys()],
    getOwnPropertyDescriptor: (_target, name) =>
      typeof name === 'string' && variables.has(name) ? { enumerable: true, configurable: true } : undefined,
  });
}
