import { type Btf, type BtfComposite, type BtfEnum, type BtfType, isChar } from '../btf/index.ts';
import { UsageError } from '../errors.ts';
import type { MapSpec, ObjectSpec } from '../object/spec.ts';
import { isPerCpuMap } from '../uapi/bpf.ts';

/**
 * A TypeScript module with the types of an object file: its maps' keys and values, its globals, the names of its maps and programs, as an interface
 * for `openObject<NAME>(…)`. What has no BTF is `Uint8Array`. `name` is the interface's; default: the object's, in capitals as types are.
 */
export function generateTypes(spec: ObjectSpec, options: { name?: string | undefined } = {}): string {
  const name = options.name ?? typeName(spec.name || 'object');
  if (!/^[A-Za-z_$][\w$]*$/.test(name)) throw new UsageError(`${name}: the name of a TypeScript interface is expected`);
  const file = spec.file.slice(spec.file.lastIndexOf('/') + 1).replace(/[^\w.-]+/g, '_');
  const printer = new TypePrinter(spec.btf, name);
  const maps = spec.maps.filter((map) => map.style !== 'internal').map((map) => mapField(printer, map));
  const globals = spec.maps.flatMap((map) => globalFields(printer, spec.btf, map));
  const programs = spec.programs.map((program) => `    readonly ${key(program.name)}: true;`);
  return [
    `// Made by skep gen types from ${file} (SHA-1 ${spec.sha1}). Make it again when the object changes.`,
    '',
    ...printer.declarations(),
    `/** What ${file} defines, for openObject<${name}>(bytes). */`,
    `export interface ${name} {`,
    ...group('maps', maps),
    ...group('programs', programs),
    ...group('globals', globals),
    '}',
    '',
  ].join('\n');
}

function group(name: string, lines: readonly string[]): string[] {
  return lines.length === 0
    ? [`  readonly ${name}: Record<never, never>;`]
    : [`  readonly ${name}: {`, ...lines, '  };'];
}

function mapField(printer: TypePrinter, map: MapSpec): string {
  const value = printer.of(map.valueTypeId);
  const whole = isPerCpuMap(map.type) ? `${element(value)}[]` : value;
  return `    readonly ${key(map.name)}: { readonly key: ${printer.of(map.keyTypeId)}; readonly value: ${whole} };`;
}

function globalFields(printer: TypePrinter, btf: Btf | undefined, map: MapSpec): string[] {
  const section =
    btf === undefined || map.style !== 'internal' || map.valueTypeId === 0 ? undefined : btf.type(map.valueTypeId);
  if (btf === undefined || section?.kind !== 'datasec') return [];
  return section.variables.flatMap(({ typeId }) => {
    const variable = btf.type(typeId);
    return variable.kind === 'var' ? [`    ${key(variable.name)}: ${printer.of(variable.typeId)};`] : [];
  });
}

/** Turns BTF types into the TypeScript types that decoding gives, with an interface for each named struct. */
class TypePrinter {
  readonly #btf: Btf | undefined;
  readonly #names = new Map<number, string>();
  readonly #taken: Set<string>;
  readonly #declarations: string[] = [];

  constructor(btf: Btf | undefined, reserved: string) {
    this.#btf = btf;
    this.#taken = new Set([reserved, 'Record', 'Uint8Array']);
  }

  declarations(): readonly string[] {
    return this.#declarations;
  }

  of(typeId: number, depth = 0): string {
    const btf = this.#btf;
    if (btf === undefined || typeId === 0 || depth > 32) return 'Uint8Array';
    const type = btf.resolve(typeId);
    switch (type.kind) {
      case 'int':
        if (type.encoding === 'bool') return 'boolean';
        return type.bits > 32 ? 'bigint' : 'number';
      case 'ptr':
        return 'bigint';
      case 'float':
        return type.size === 4 || type.size === 8 ? 'number' : 'Uint8Array';
      case 'enum':
      case 'enum64':
        return this.#named(btf, typeId, type, () => enumType(type));
      case 'array':
        if (isChar(btf, type.typeId)) return 'string | number[]';
        return `${element(this.of(type.typeId, depth + 1))}[]`;
      case 'struct':
      case 'union':
        return this.#named(btf, typeId, type, () => `{\n${this.#members(btf, type, depth, '  ').join('\n')}\n}`);
      default:
        return 'Uint8Array';
    }
  }

  /** A declaration for a type that has a name; else the type written out. */
  #named(btf: Btf, typeId: number, type: BtfType, body: () => string): string {
    const cName = type.name !== '' ? type.name : typedefName(btf, typeId);
    if (cName === '') return body().replace(/\s*\n\s*/g, ' ');
    const known = this.#names.get(typeId);
    if (known !== undefined) return known;
    let name = typeName(cName);
    for (let n = 2; this.#taken.has(name); n++) name = `${typeName(cName)}${n}`;
    this.#taken.add(name);
    this.#names.set(typeId, name);
    const text = body();
    this.#declarations.push(`export type ${name} = ${text};`, '');
    return name;
  }

  /** Members of anonymous members are the struct's own. */
  #members(btf: Btf, type: BtfComposite, depth: number, indent: string): string[] {
    return type.members.flatMap((member) => {
      const inner = btf.resolve(member.typeId);
      if (member.name === '') {
        return (inner.kind === 'struct' || inner.kind === 'union') && depth < 32
          ? this.#members(btf, inner, depth + 1, indent)
          : [];
      }
      return [`${indent}${key(member.name)}: ${this.of(member.typeId, depth + 1)};`];
    });
  }
}

/** The enumerators' names; a value without one is a number. */
function enumType(type: BtfEnum): string {
  const number = type.kind === 'enum64' ? 'bigint' : 'number';
  return [...type.values.map((value) => JSON.stringify(value.name)), number].join(' | ');
}

function typedefName(btf: Btf, typeId: number): string {
  const type = btf.type(typeId);
  return type.kind === 'typedef' ? type.name : '';
}

/** `flow_key` as `FlowKey`. */
function typeName(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const joined = words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('');
  return /^[A-Za-z]/.test(joined) ? joined : `T${joined}`;
}

/** As the element of an array type: a union needs brackets. */
function element(type: string): string {
  return type.includes('|') ? `(${type})` : type;
}

function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}
