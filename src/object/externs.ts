import type { Btf, BtfType } from '../btf/index.ts';
import { type ElfSymbol, STB_GLOBAL, STB_WEAK, STT_NOTYPE } from '../elf/index.ts';
import { ObjectError } from '../errors.ts';
import type { ExternSpec, KconfigExtern, KconfigType, KsymExtern } from './spec.ts';

/** The section that `__kconfig` variables are declared in, and the internal map that holds them. */
export const KCONFIG = '.kconfig';
export const KSYMS = '.ksyms';
/** Linkage of a VAR or FUNC that is defined elsewhere. */
const BTF_EXTERN = 2;

/**
 * The undefined symbols that BTF says something of, in libbpf's order: `__kconfig` variables by falling alignment, growing size and name, laid out
 * one after the other; then `__ksym` names by name. Throws ObjectError for a `__kconfig` variable of a type that no kernel option has.
 */
export function readExterns(btf: Btf, undefinedSymbols: readonly ElfSymbol[]): ExternSpec[] {
  const symbols = new Map(undefinedSymbols.filter(isExtern).map((symbol) => [symbol.name, symbol]));
  if (symbols.size === 0) return [];
  const kconfig: Unplaced[] = [];
  const ksyms: KsymExtern[] = [];
  for (const { section, typeId } of declarations(btf)) {
    const type = btf.type(typeId);
    const symbol = symbols.get(type.name);
    if (symbol === undefined || (type.kind !== 'var' && type.kind !== 'func') || type.linkage !== BTF_EXTERN) continue;
    symbols.delete(type.name);
    const weak = symbol.bind === STB_WEAK;
    if (section === KCONFIG) {
      if (type.kind !== 'var') throw new ObjectError(`${type.name} is a function`, { section });
      kconfig.push({ kind: 'kconfig', name: type.name, weak, ...kconfigType(btf, type.name, type.typeId) });
    } else {
      const isVoid = type.kind === 'var' && btf.resolve(type.typeId).kind === 'void';
      const kind = type.kind === 'var' ? 'variable' : 'function';
      ksyms.push({ kind, name: type.name, weak, typeId: isVoid ? 0 : type.typeId });
    }
  }
  return [...place(kconfig), ...ksyms.sort((a, b) => compareText(a.name, b.name))];
}

type Unplaced = Omit<KconfigExtern, 'offset'> & { readonly align: number };

function isExtern({ name, type, bind }: ElfSymbol): boolean {
  return name !== '' && type === STT_NOTYPE && (bind === STB_GLOBAL || bind === STB_WEAK);
}

function* declarations(btf: Btf): Generator<{ section: string; typeId: number }> {
  for (const [id] of btf.records('datasec')) {
    const section = btf.type(id);
    if (section.kind !== 'datasec' || (section.name !== KCONFIG && section.name !== KSYMS)) continue;
    for (const { typeId } of section.variables) yield { section: section.name, typeId };
  }
}

function place(kconfig: readonly Unplaced[]): KconfigExtern[] {
  let end = 0;
  return [...kconfig]
    .sort((a, b) => b.align - a.align || a.size - b.size || compareText(a.name, b.name))
    .map(({ align, ...extern }) => {
      const offset = Math.ceil(end / align) * align;
      end = offset + extern.size;
      return { ...extern, offset };
    });
}

/** By code units, as C compares. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function kconfigType(btf: Btf, name: string, typeId: number): Pick<Unplaced, 'as' | 'signed' | 'size' | 'align'> {
  const type = btf.resolve(typeId);
  if (type.kind === 'array') {
    const element = scalarType(btf.resolve(type.typeId));
    if (element?.as === 'char' && type.length > 0) return { ...element, as: 'chars', size: type.length, align: 1 };
  }
  const scalar = scalarType(type);
  if (scalar !== undefined) return { ...scalar, align: scalar.size };
  throw new ObjectError(
    `${name} has type ${type.kind} ${type.name}; a kernel option is a bool, an integer of 1 to 8 bytes, an enum libbpf_tristate or an array of char`,
    { section: KCONFIG },
  );
}

function scalarType(type: BtfType): { as: KconfigType; signed: boolean; size: number } | undefined {
  if (type.kind === 'enum' || type.kind === 'enum64') {
    const { size } = type;
    return type.name === 'libbpf_tristate' && size <= 8 ? { as: 'tristate', signed: false, size } : undefined;
  }
  if (type.kind !== 'int' || type.size > 8) return undefined;
  const { size, encoding } = type;
  if (encoding === 'bool') return size === 1 ? { as: 'bool', signed: false, size } : undefined;
  return { as: size === 1 ? 'char' : 'int', signed: encoding === 'signed', size };
}
