import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Btf, parseBtf } from '../../src/btf/index.ts';
import { fromHex } from '../../src/bytes/hex.ts';
import { valueFields } from '../../src/engine/embedded/maps/value-fields.ts';
import { isGplCompatible } from '../../src/engine/embedded/progs/license.ts';
import { withTypes } from '../../src/engine/embedded/verifier/fields.ts';
import type { MapToVerify, MapUse, ProgramToVerify } from '../../src/engine/embedded/verifier/program.ts';
import { decodeInsns, type Insn } from '../../src/isa/index.ts';
import { MAP_TYPES, type MapType, PROG_TYPES, type ProgType } from '../../src/uapi/bpf.ts';

/** Programs with the verdict of Linux 6.18, kept beside the repository because they are other people's. */
export const VECTORS = resolve(import.meta.dirname, '../../../shared/vectors/verifier');
const KERNEL_BTF = '/sys/kernel/btf/vmlinux';
/** Some vectors call functions of the kernel: the types of this one are needed. */
export const areVectorsThere = existsSync(VECTORS) && existsSync(KERNEL_BTF);

export interface Truth {
  readonly id: string;
  readonly status: string;
  readonly verdict: string;
  readonly last_msg: string | null;
  readonly insns_processed: number;
}

interface MapDefinition {
  readonly name?: string;
  readonly map_type: number;
  readonly key_size: number;
  readonly value_size: number;
  readonly max_entries: number;
  readonly map_flags?: number;
  readonly btf_value_type_id?: number;
  readonly frozen?: boolean;
  readonly initial_value?: string;
  readonly inner?: string | MapDefinition;
}

interface Reference {
  readonly insn: number;
  readonly kind: string;
  readonly map?: string;
  readonly off?: number;
  readonly name?: string;
}

interface Vector {
  readonly id: string;
  readonly auxiliary?: boolean;
  readonly prog_type: number | string | null;
  readonly expected_attach_type?: number | null;
  readonly prog_flags?: number;
  readonly license?: string;
  readonly insns?: string | readonly string[] | null;
  readonly insns_file?: string;
  readonly fixups?: readonly { readonly insn: number; readonly map: string }[];
  readonly refs?: readonly Reference[];
  readonly maps?: readonly MapDefinition[];
  readonly btf?: string | null;
  readonly btf_types_hex?: string;
  readonly btf_strings_hex?: string;
  readonly func_info?: readonly (readonly [number, number])[];
  readonly attach_btf?: { readonly name: string; readonly btf_kind?: number } | null;
  readonly attach_btf_name?: string | null;
}

export interface Case {
  readonly id: string;
  readonly truth: Truth;
  /** A reason where this kernel has not what the program refers to. */
  readonly program: ProgramToVerify | string;
}

/** All vectors with a verdict. */
export function readVectors(): readonly Case[] {
  const read = (name: string) => JSON.parse(readFileSync(resolve(VECTORS, name), 'utf8'));
  const truths = new Map<string, Truth>(read('ground_truth.json').results.map((truth: Truth) => [truth.id, truth]));
  const shared = read('maps.json');
  const names = ['vectors-test_verifier.json', 'vectors-progs.json', 'vectors-functional.json'];
  const vectors = names.flatMap((name): Vector[] => read(name).vectors);
  const reader = new Reader(shared.maps ?? shared, bytesOf(shared.btf_hex));
  return vectors.flatMap((vector) => {
    const truth = truths.get(vector.id);
    if (truth?.status !== 'ok' || vector.auxiliary === true) return [];
    const program = reader.program(vector);
    return program === undefined ? [] : [{ id: vector.id, truth, program }];
  });
}

class Reader {
  readonly #kernelBtf = parseBtf(new Uint8Array(readFileSync(KERNEL_BTF)));
  readonly #sharedMaps: Readonly<Record<string, MapDefinition>>;
  readonly #sharedBtf: Btf;
  readonly #btfs = new Map<string, Btf>();

  constructor(maps: Readonly<Record<string, MapDefinition>>, btf: Uint8Array) {
    this.#sharedMaps = maps;
    this.#sharedBtf = parseBtf(btf);
  }

  program(vector: Vector): ProgramToVerify | string | undefined {
    const code = codeOf(vector);
    if (code === undefined) return undefined;
    const insns = decodeInsns(code);
    const btf = this.#btf(vector);
    const made = new Map<string, MapToVerify>();
    const maps = new Map<number, MapUse>();
    const missing = this.#link(vector, insns, btf, made, maps);
    if (missing !== undefined) return missing;
    const target = this.#target(vector);
    if (typeof target === 'string') return target;
    const type = typeof vector.prog_type === 'number' ? PROG_TYPES[vector.prog_type] : undefined;
    if (type === undefined) return undefined;
    return {
      insns,
      type: type satisfies ProgType,
      attachType: vector.expected_attach_type ?? 0,
      flags: vector.prog_flags ?? 0,
      gpl: isGplCompatible(vector.license ?? ''),
      maps,
      usedMaps: [...made.values()],
      btf,
      funcInfo: vector.func_info?.length
        ? vector.func_info.map(([insnOff, typeId]) => ({ insnOff, typeId }))
        : undefined,
      kernelBtf: this.#kernelBtf,
      target,
      cpus: 2,
    };
  }

  /** Puts maps and functions where the program refers to them: what is missing, or `undefined`. */
  #link(
    vector: Vector,
    insns: Insn[],
    btf: Btf | undefined,
    made: Map<string, MapToVerify>,
    maps: Map<number, MapUse>,
  ): string | undefined {
    const own = new Map((vector.maps ?? []).map((map) => [map.name ?? '', map]));
    const definition = (name: string) => own.get(name) ?? this.#sharedMaps[name];
    const mapNamed = (name: string, types: Btf | undefined): MapToVerify | undefined => {
      const found = definition(name);
      if (found === undefined) return undefined;
      const map = made.get(name) ?? this.#map(found, types, definition);
      made.set(name, map);
      return map;
    };
    for (const { insn, map: name } of vector.fixups ?? []) {
      const map = mapNamed(name, this.#sharedBtf);
      const slot = insns[insn];
      if (map === undefined || slot === undefined) return `map ${name}`;
      const direct = slot.src === 2 || slot.src === 6;
      maps.set(insn, direct ? { map, offset: insns[insn + 1]?.imm ?? 0 } : { map });
    }
    for (const { insn, kind, map: name, off, name: symbol } of vector.refs ?? []) {
      const slot = insns[insn];
      if (slot === undefined) continue;
      if (name !== undefined) {
        const map = mapNamed(name, btf);
        if (map === undefined) return `map ${name}`;
        maps.set(insn, kind === 'map_value' ? { map, offset: off ?? 0 } : { map });
      } else if (kind === 'kfunc' || kind === 'btf_id') {
        const id = this.#kernelBtf.find(kind === 'kfunc' ? 'func' : 'var', symbol ?? '');
        if (id === undefined) return `${kind} ${symbol}`;
        insns[insn] = { ...slot, imm: id, off: 0 };
      }
    }
    return undefined;
  }

  #btf({ btf, btf_types_hex: types, btf_strings_hex: strings }: Vector): Btf | undefined {
    if (types !== undefined && strings !== undefined) return parseBtf(joinBtf(bytesOf(types), bytesOf(strings)));
    if (btf === undefined || btf === null) return undefined;
    const known = this.#btfs.get(btf) ?? parseBtf(new Uint8Array(readFileSync(resolve(VECTORS, 'btf', `${btf}.btf`))));
    this.#btfs.set(btf, known);
    return known;
  }

  #map(
    definition: MapDefinition,
    btf: Btf | undefined,
    find: (name: string) => MapDefinition | undefined,
  ): MapToVerify {
    const { map_type: number, value_size: valueSize, btf_value_type_id: valueTypeId = 0, inner } = definition;
    const type: MapType = MAP_TYPES[number] ?? 'unspec';
    const types = valueTypeId === 0 ? undefined : btf;
    const fields = types === undefined ? [] : valueFields(types, types.resolve(valueTypeId));
    const bytes =
      definition.initial_value === undefined ? new Uint8Array(valueSize) : bytesOf(definition.initial_value);
    const like = typeof inner === 'string' ? find(inner) : inner;
    return {
      type,
      typeNumber: number,
      name: definition.name ?? '',
      keySize: definition.key_size,
      valueSize,
      maxEntries: definition.max_entries,
      flags: definition.map_flags ?? 0,
      fields: withTypes(fields, types, this.#kernelBtf),
      btf: types,
      valueTypeId,
      inner: like && this.#map(like, btf, find),
      frozen: definition.frozen === true,
      ...(type === 'array' &&
        definition.max_entries === 1 && {
          read: (offset: number, size: number) =>
            offset >= 0 && offset + size <= bytes.length ? bytes.subarray(offset, offset + size) : undefined,
        }),
    };
  }

  #target({ attach_btf: given, attach_btf_name: name }: Vector): ProgramToVerify['target'] | string {
    const wanted = given?.name ?? name;
    if (wanted === undefined || wanted === null) return undefined;
    const kinds =
      given?.btf_kind === 8
        ? (['typedef'] as const)
        : given?.btf_kind === 4
          ? (['struct'] as const)
          : (['func', 'typedef', 'struct'] as const);
    for (const kind of kinds) {
      const typeId = this.#kernelBtf.find(kind, wanted);
      if (typeId !== undefined) return { btf: this.#kernelBtf, typeId };
    }
    return `what it is attached to: ${wanted}`;
  }
}

function codeOf({ insns, insns_file: file }: Vector): Uint8Array | undefined {
  if (file !== undefined) {
    const path = [resolve(VECTORS, file), resolve(VECTORS, 'big', file)].find(existsSync);
    if (path === undefined) return undefined;
    const bytes = readFileSync(path);
    return new Uint8Array(path.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  }
  if (insns === undefined || insns === null) return undefined;
  return bytesOf(typeof insns === 'string' ? insns : insns.join(''));
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new Error(`${hex.slice(0, 20)} is no hex`);
  return bytes;
}

/** BTF of its two sections. */
function joinBtf(types: Uint8Array, strings: Uint8Array): Uint8Array {
  const blob = new Uint8Array(24 + types.length + strings.length);
  const view = new DataView(blob.buffer);
  [0xeb9f | (1 << 16), 24, 0, types.length, types.length, strings.length].forEach((word, i) => {
    view.setUint32(4 * i, word, true);
  });
  blob.set(types, 24);
  blob.set(strings, 24 + types.length);
  return blob;
}
