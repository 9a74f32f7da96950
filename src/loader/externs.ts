import { type Btf, essentialName, typesCompatible } from '../btf/index.ts';
import { NotSupportedError, ObjectError } from '../errors.ts';
import type { ExternReference, KsymExtern, ObjectSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import { findSymbols } from './kallsyms.ts';
import type { KernelType, KernelTypes } from './kernel-btf.ts';

/** What a `__ksym` name stands for on the kernel in use. */
export type KsymValue =
  /** 0 for a weak one that the kernel does not have. */
  | { readonly kind: 'address'; readonly address: bigint }
  /** A variable or function that is known by its type: the verifier finds the rest. */
  | { readonly kind: 'type'; readonly type: KernelType };

const MISSING: KsymValue = { kind: 'address', address: 0n };

/** Finds the `__ksym` names of one object in a kernel, each once and when it is asked for. */
export class Ksyms {
  readonly #kernel: Kernel;
  readonly #spec: ObjectSpec;
  readonly #types: KernelTypes;
  readonly #known = new Map<string, KsymValue>();
  readonly #byName: ReadonlyMap<string, KsymExtern>;
  #symbols: ReadonlyMap<string, ReadonlySet<bigint>> | undefined;

  constructor(kernel: Kernel, spec: ObjectSpec, types: KernelTypes) {
    this.#kernel = kernel;
    this.#spec = spec;
    this.#types = types;
    this.#byName = new Map(spec.externs.flatMap((e) => (e.kind === 'kconfig' ? [] : [[e.name, e] as const])));
  }

  /**
   * Throws NotSupportedError if the kernel does not have a name that is not weak, or has it with another type; ObjectError if the object does not declare
   * the name.
   */
  value({ name }: ExternReference): KsymValue {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const extern = this.#byName.get(name);
    if (extern === undefined) {
      throw new ObjectError(
        `${name} is neither defined in the object nor declared as the kernel's; is another object to be linked with it (gen object), or does it lack __ksym or -g?`,
        { file: this.#spec.file },
      );
    }
    const value = extern.typeId === 0 ? this.#address(extern) : this.#typed(extern);
    this.#known.set(name, value);
    return value;
  }

  #address({ name, weak }: KsymExtern): KsymValue {
    if (this.#symbols === undefined) {
      const untyped = new Set(
        this.#spec.externs.flatMap((e) => (e.kind === 'variable' && e.typeId === 0 ? e.name : [])),
      );
      this.#symbols = findSymbols(this.#kernel, (symbol) => untyped.has(symbol));
    }
    const [first, ...others] = this.#symbols.get(name) ?? [];
    if (others.length > 0)
      throw new NotSupportedError(`a program that needs the address of ${name}, of which this kernel has several,`);
    if (first !== undefined) return { kind: 'address', address: first };
    if (weak) return MISSING;
    throw new NotSupportedError(
      `a program that needs the address of ${name}, which this kernel's /proc/kallsyms lacks,`,
      {
        instead: 'declare it __weak and test for it',
      },
    );
  }

  #typed(extern: KsymExtern): KsymValue {
    const { name, weak, kind } = extern;
    const local = localBtf(this.#spec);
    let type: KernelType | undefined;
    try {
      type = this.#types.find(kind === 'function' ? 'func' : 'var', kind === 'function' ? essentialName(name) : name);
    } catch (error) {
      if (!weak || !(error instanceof NotSupportedError)) throw error;
    }
    const described = kind === 'function' ? `function ${name}` : `variable ${name}`;
    if (type === undefined) {
      if (weak) return MISSING;
      throw new NotSupportedError(`a program that needs the kernel's ${described}, which this kernel's BTF lacks,`, {
        instead: 'declare it __weak and test for it with bpf_ksym_exists()',
      });
    }
    const target = type.btf.type(type.id);
    const targetType = target.kind === 'func' || target.kind === 'var' ? target.typeId : 0;
    if (typesCompatible(local, extern.typeId, type.btf, targetType)) return { kind: 'type', type };
    if (weak && kind === 'function') return MISSING;
    throw new NotSupportedError(`a program for which the kernel's ${described} has another type than this kernel's`);
  }
}

/** There are no externs without it. */
function localBtf({ btf, file }: ObjectSpec): Btf {
  if (btf !== undefined) return btf;
  throw new ObjectError('the object has external names and no BTF that says what they are', { file });
}
