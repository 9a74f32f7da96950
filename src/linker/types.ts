import { type BtfDatasec, type BtfType, type DedupResult, dedupTypes, mapTypeIds } from '../btf/index.ts';
import { ObjectError } from '../errors.ts';
import { type Input, isGlobal } from './input.ts';
import type { Output, Placements } from './output.ts';
import { type Global, PLAIN_EXTERNS, type SymbolMap, type Symbols } from './symbols.ts';

/** What a DATASEC lists, but for globals: where those are is known at the end only. */
type Variables = BtfDatasec['variables'][number][];

/** The BTF of all objects in one. */
export class LinkedTypes {
  /** By id, void first. */
  readonly types: BtfType[] = [{ kind: 'void', name: '' }];
  readonly #datasecs = new Map<string, Variables>();
  /** Globals that a DATASEC has to list, and their sizes in bytes. */
  readonly #listed = new Map<Global, number>();
  /** Prototypes whose parameters were given names. */
  readonly #named = new Set<number>();

  /** Appends the types of an input; the answer has the new id of each of them, 0 for those that are left out. */
  add(input: Input, placements: Placements, symbols: Symbols, { defined }: SymbolMap): Uint32Array {
    const ids = new Uint32Array(input.types.length);
    const added: number[] = [];
    for (const [id, type] of input.types.entries()) {
      if (type.kind === 'void' || type.kind === 'datasec') continue;
      const global = isGlobal(type) ? symbols.find(type.name) : undefined;
      // Variables of a section that is kept once, of another object.
      if (isGlobal(type) && global === undefined) continue;
      ids[id] = global === undefined || global.typeId === 0 ? this.types.length : global.typeId;
      if (ids[id] !== this.types.length) continue;
      if (global !== undefined) global.typeId = this.types.length;
      this.types.push(type);
      added.push(this.types.length - 1);
    }
    const renumbered = (id: number): number => {
      const to = ids[id] ?? 0;
      if (to === 0 && id !== 0)
        throw new ObjectError(`type ${id} is referred to, but cannot be linked`, { section: '.BTF' });
      return to;
    };
    for (const id of added) this.types[id] = mapTypeIds(this.#at(id), renumbered);
    for (const global of defined) this.#define(global, input, renumbered);
    for (const type of input.types) {
      if (type.kind === 'datasec' && type.name !== PLAIN_EXTERNS)
        this.#list(type, input, { placements, symbols, defined, renumbered });
    }
    return ids;
  }

  /** All types, each once, with their DATASECs. */
  finish(output: Output): DedupResult {
    for (const [global, size] of this.#listed) {
      const variables = this.#datasecs.get(global.home ?? '');
      variables?.push({ typeId: global.typeId, offset: global.symbol.value, size });
    }
    for (const [name, variables] of this.#datasecs) {
      variables.sort((a, b) => a.offset - b.offset);
      this.types.push({ kind: 'datasec', name, size: output.section(name)?.size ?? 0, variables });
    }
    return dedupTypes(this.types);
  }

  #at(id: number): BtfType {
    return this.types[id] ?? { kind: 'void', name: '' };
  }

  /** Gives the variable or function of a global the type that its definition has. */
  #define(global: Global, input: Input, renumbered: (id: number) => number): void {
    const declared = this.#at(global.typeId);
    const definition = input.types[input.globals.get(global.name)?.typeId ?? 0];
    if (declared.kind === 'var' && definition?.kind === 'var')
      this.types[global.typeId] = { ...declared, typeId: renumbered(definition.typeId), linkage: 1 };
    if (declared.kind !== 'func' || definition?.kind !== 'func') return;
    this.#nameParameters(declared.typeId, input.types[definition.typeId]);
    this.types[global.typeId] = { ...declared, typeId: renumbered(definition.typeId), linkage: 1 };
  }

  /** A declaration's parameters have no names; with those of the definition its prototype is no type of its own. */
  #nameParameters(id: number, definition: BtfType | undefined): void {
    const declared = this.#at(id);
    if (declared.kind !== 'func_proto' || definition?.kind !== 'func_proto' || this.#named.has(id)) return;
    this.#named.add(id);
    const params = declared.params.map((param, i) => ({
      ...param,
      name: param.name || (definition.params[i]?.name ?? ''),
    }));
    this.types[id] = { ...declared, params };
  }

  #list(datasec: BtfDatasec, input: Input, context: Context): void {
    const section = input.sectionIndexes.get(datasec.name);
    const placement = section === undefined ? undefined : context.placements.get(section);
    // What the kernel provides (.ksyms, .kconfig) has no section; what has one that is not placed is not linked.
    if (section !== undefined && placement === undefined) return;
    const variables = this.#datasecs.get(datasec.name) ?? [];
    this.#datasecs.set(datasec.name, variables);
    for (const { typeId, offset, size } of datasec.variables) {
      const type = input.types[typeId];
      const global = type !== undefined && isGlobal(type) ? context.symbols.find(type.name) : undefined;
      if (global === undefined)
        variables.push({ typeId: context.renumbered(typeId), offset: offset + (placement?.offset ?? 0), size });
      else if (!this.#listed.has(global) || context.defined.has(global)) this.#listed.set(global, size);
    }
  }
}

interface Context {
  readonly placements: Placements;
  readonly symbols: Symbols;
  readonly defined: ReadonlySet<Global>;
  readonly renumbered: (id: number) => number;
}
