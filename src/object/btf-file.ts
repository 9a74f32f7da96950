import { type Btf, parseBtf } from '../btf/btf.ts';
import { parseElf } from '../elf/index.ts';
import { ObjectError } from '../errors.ts';

/** The first byte of an ELF file; BTF starts with 0x9f or 0xeb. */
const ELF_MAGIC = 0x7f;

/**
 * The types in a file as they stand there: the section .BTF of an ELF file of any byte order, or BTF alone, as /sys/kernel/btf/ has it. `base` is the
 * BTF that a split one goes on from. Throws ObjectError if there are none, or if the file is damaged.
 */
export function parseBtfFile(
  bytes: Uint8Array,
  options: { readonly file?: string; readonly base?: Btf | undefined } = {},
): Btf {
  if (bytes[0] !== ELF_MAGIC) return parseBtf(bytes, options.base);
  const section = parseElf(bytes).sections.find(({ name }) => name === '.BTF');
  if (section === undefined) throw new ObjectError('there is no section .BTF; compile with -g', { file: options.file });
  return parseBtf(section.data, options.base);
}
