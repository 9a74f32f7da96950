import { WasmBytes } from './wasm-bytes.ts';
import { type NumberType, TYPE } from './wasm-op.ts';

/** What a function takes and gives back. */
export interface Signature {
  readonly params: readonly NumberType[];
  readonly result?: NumberType | undefined;
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
// Sections, by their order in a module.
const [TYPES, IMPORTS, FUNCTIONS, EXPORTS, CODE] = [1, 2, 3, 7, 10];
const FUNCTION = 0;
const TABLE_KIND = 1;
const MEMORY = 2;
const AT_LEAST = 0;
const SHARED_UP_TO = 3;
/** Names of imports: one module has them all. */
export const IMPORT_MODULE = 'k';
export const TABLE = 'table';
/** Pages that the memory has at least and at most: any memory fits. */
const ANY_MEMORY = [1, 65536];

/** A module that is being written: functions that it imports first, then its own, counted on. Its memory is imported, and a table if it wants one. */
export class WasmModule {
  readonly #types: string[] = [];
  readonly #imports: { readonly name: string; readonly type: number }[] = [];
  readonly #functions: { readonly type: number; body: Uint8Array | undefined }[] = [];
  readonly #exports: { readonly name: string; readonly func: number }[] = [];
  /** Numbers of functions, by what they were asked for as. */
  readonly #asked = new Map<string, number>();
  usesTable = false;

  type({ params, result }: Signature): number {
    const key = `${params.join()}>${result ?? ''}`;
    const known = this.#types.indexOf(key);
    return known >= 0 ? known : this.#types.push(key) - 1;
  }

  /** Its number. All imports come before the first function. */
  import(name: string, signature: Signature): number {
    return this.#imports.push({ name, type: this.type(signature) }) - 1;
  }

  /** Its number; its body may come later. */
  function(signature: Signature): number {
    return this.#imports.length + this.#functions.push({ type: this.type(signature), body: undefined }) - 1;
  }

  define(func: number, body: Uint8Array): void {
    const entry = this.#functions[func - this.#imports.length];
    if (entry !== undefined) entry.body = body;
  }

  /** The number of a function that is written when it is asked for, and not again. */
  asked(name: string, signature: Signature, emit: () => Uint8Array): number {
    let func = this.#asked.get(name);
    if (func === undefined) {
      func = this.function(signature);
      this.define(func, emit());
      this.#asked.set(name, func);
    }
    return func;
  }

  export(name: string, func: number): void {
    this.#exports.push({ name, func });
  }

  finish(): Uint8Array {
    const out = new WasmBytes(1024);
    for (const byte of MAGIC) out.byte(byte);
    section(out, TYPES, this.#types, writeType);
    const imports = [
      ...this.#imports.map(({ name, type }) => [name, FUNCTION, type] as const),
      ['memory', MEMORY, 0] as const,
      ...(this.usesTable ? [[TABLE, TABLE_KIND, 0] as const] : []),
    ];
    section(out, IMPORTS, imports, (bytes, [name, kind, type]) => {
      bytes.name(IMPORT_MODULE);
      bytes.name(name);
      bytes.byte(kind);
      if (kind === FUNCTION) bytes.unsigned(type);
      else if (kind === TABLE_KIND) {
        bytes.byte(TYPE.funcref);
        bytes.byte(AT_LEAST);
        bytes.unsigned(0);
      } else {
        bytes.byte(SHARED_UP_TO);
        for (const pages of ANY_MEMORY) bytes.unsigned(pages);
      }
    });
    section(out, FUNCTIONS, this.#functions, (bytes, { type }) => bytes.unsigned(type));
    section(out, EXPORTS, this.#exports, (bytes, { name, func }) => {
      bytes.name(name);
      bytes.byte(FUNCTION);
      bytes.unsigned(func);
    });
    section(out, CODE, this.#functions, (bytes, { body }) => bytes.sized(body ?? new Uint8Array(0)));
    return out.bytes.slice();
  }
}

function section<T>(out: WasmBytes, id: number, items: readonly T[], write: (bytes: WasmBytes, item: T) => void): void {
  if (items.length === 0) return;
  const bytes = new WasmBytes(256);
  bytes.unsigned(items.length);
  for (const item of items) write(bytes, item);
  out.byte(id);
  out.sized(bytes.bytes);
}

function writeType(bytes: WasmBytes, key: string): void {
  const [params = '', result = ''] = key.split('>');
  bytes.byte(TYPE.func);
  for (const list of [params, result]) {
    const types = list === '' ? [] : (list.split(',') as NumberType[]); // as `type` joined them
    bytes.unsigned(types.length);
    for (const type of types) bytes.byte(TYPE[type]);
  }
}
