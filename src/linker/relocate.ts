import {
  type ElfRelocation,
  R_BPF_64_32,
  R_BPF_64_64,
  R_BPF_64_ABS32,
  R_BPF_64_ABS64,
  SHF_EXECINSTR,
  STT_SECTION,
} from '../elf/index.ts';
import { ObjectError } from '../errors.ts';
import type { Input } from './input.ts';
import type { OutputSymbol, Placement, Placements } from './output.ts';

const TYPES: readonly number[] = [R_BPF_64_64, R_BPF_64_ABS64, R_BPF_64_ABS32, R_BPF_64_32];
const INSN_SIZE = 8;
/** BPF_JMP | BPF_CALL */
const CALL = 0x85;

/** Moves the relocations of an input to where its sections went, and to its symbols' successors. */
export function relocate(input: Input, placements: Placements, symbols: ReadonlyMap<number, OutputSymbol>): void {
  for (const [index, relocations] of input.relocations) {
    const placement = placements.get(index);
    if (placement === undefined) continue;
    const { section, offset } = placement;
    for (const relocation of relocations) {
      const place = { section: section.name, offset: relocation.offset };
      const symbol = symbols.get(relocation.symbol.index);
      if (!TYPES.includes(relocation.type))
        throw new ObjectError(`a relocation of type ${relocation.type} cannot be linked`, place);
      if (symbol === undefined) {
        const name = relocation.symbol.name || `#${relocation.symbol.index}`;
        throw new ObjectError(`a relocation is against symbol ${name}, which is not linked`, place);
      }
      if (relocation.symbol.type === STT_SECTION) shift(placement, relocation, placements);
      section.relocations.push({ offset: offset + relocation.offset, type: relocation.type, symbol });
    }
  }
}

/**
 * A relocation against a section has what it points at in the instruction, counted from where the section was: bytes, in calls instructions. Other
 * symbols moved with their section.
 */
function shift({ section, data }: Placement, { offset, symbol }: ElfRelocation, placements: Placements): void {
  if ((section.flags & SHF_EXECINSTR) === 0)
    throw new ObjectError('a relocation against a section can be linked in code only', {
      section: section.name,
      offset,
    });
  const moved = placements.get(symbol.section)?.offset ?? 0;
  const view = new DataView(data.buffer, data.byteOffset + offset, INSN_SIZE);
  const by = view.getUint8(0) === CALL ? moved / INSN_SIZE : moved;
  view.setInt32(4, view.getInt32(4, true) + by, true);
}
