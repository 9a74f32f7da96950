import { BtfBuilder } from '../btf/index.ts';
import { type SectionContents, SHT_PROGBITS } from '../elf/index.ts';
import { ObjectError, UsageError } from '../errors.ts';
import { LinkedExt } from './ext.ts';
import { type LinkInput, readInput } from './input.ts';
import { Output } from './output.ts';
import { relocate } from './relocate.ts';
import { Symbols } from './symbols.ts';
import { LinkedTypes } from './types.ts';

/**
 * Links objects into one, as `bpftool gen object` does: sections of one name become one, functions, globals and maps that one object declares and another
 * defines are resolved, BTF is merged. Externs that no object defines stay. One input is enough: it loses its debug information.
 *
 * Throws ObjectError for what does not go together (two definitions of a symbol, types or map attributes that differ, licenses), for objects that are
 * damaged, and for global symbols without BTF; NotSupportedError for big-endian objects.
 *
 * @example
 * const bytes = linkObjects([{ bytes: readFileSync('a.o'), file: 'a.o' }, { bytes: readFileSync('b.o'), file: 'b.o' }]);
 */
export function linkObjects(inputs: readonly LinkInput[]): Uint8Array {
  if (inputs.length === 0) throw new UsageError('there is nothing to link: give one object at least');
  const linker = new Linker();
  for (const input of inputs) {
    try {
      linker.add(input);
    } catch (error) {
      throw error instanceof ObjectError ? error.at({ file: input.file }) : error;
    }
  }
  return linker.finish();
}

class Linker {
  readonly #output = new Output();
  readonly #types = new LinkedTypes();
  readonly #symbols = new Symbols(this.#output, this.#types);
  readonly #ext = new LinkedExt();

  add(object: LinkInput): void {
    const input = readInput(object);
    const placements = this.#output.place(input);
    const symbols = this.#symbols.add(input, placements);
    relocate(input, placements, symbols.symbols);
    const ids = this.#types.add(input, placements, this.#symbols, symbols);
    this.#ext.add(input, placements, ids);
  }

  finish(): Uint8Array {
    const { types, ids } = this.#types.finish(this.#output);
    if (types.length === 1) return this.#output.write([]);
    const builder = new BtfBuilder();
    for (const type of types.slice(1)) builder.add(type);
    const ext = this.#ext.bytes(builder, ids);
    const btf = btfSection('.BTF', builder.bytes());
    return this.#output.write(ext === undefined ? [btf] : [btf, btfSection('.BTF.ext', ext)]);
  }
}

function btfSection(name: string, data: Uint8Array): SectionContents {
  return { name, type: SHT_PROGBITS, flags: 0, align: 8, data };
}
