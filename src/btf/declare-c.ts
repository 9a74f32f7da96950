import type { Btf } from './btf.ts';
import { CLayouts } from './print-c-layout.ts';
import { CNames } from './print-c-names.ts';
import { CText } from './print-c-text.ts';

/**
 * Declares single variables and members as C or C++, for a header whose user has the definitions of named types from somewhere else: structs without
 * a name are written out, those with one are named. Types with one name are told apart as in {@link printC}.
 */
export class CDeclarations {
  readonly #layouts: CLayouts;
  readonly #qualified: CText;
  readonly #unqualified: CText;

  constructor(btf: Btf) {
    const names = new CNames(btf);
    this.#layouts = new CLayouts(btf);
    this.#qualified = new CText(btf, names, { bool: 'bool' });
    this.#unqualified = new CText(btf, names, { bool: 'bool', unqualified: true });
  }

  /**
   * The declaration without its semicolon. `declarator` is a name, or `*name` for a pointer to the type; `level`: tabs before its line; `qualified`:
   * with const, volatile and restrict. Throws ObjectError for what C cannot say.
   */
  declare(typeId: number, declarator: string, level: number, qualified: boolean): string {
    return (qualified ? this.#qualified : this.#unqualified).declarator(typeId, declarator, level);
  }

  /** Counts characters that the caller writes itself; throws ObjectError when a printout has too many. */
  charge(characters: number): void {
    this.#unqualified.charge(characters);
  }

  /** Bytes that a compiler for BPF aligns the type to. */
  align(typeId: number): number {
    return this.#layouts.align(typeId);
  }
}
