import { BPF_ATOMIC, BPF_CMPXCHG, BPF_FETCH, BPF_LDX, BPF_LOAD_ACQ, BPF_STORE_REL } from '../../../isa/index.ts';
import type { ArenaMap } from '../maps/arena.ts';
import { atomicUpdate } from './atomic.ts';
import { loadInto, sizeOf } from './load.ts';

const CLASS = 7;
const MODE = 0xe0;
/** Makes of BPF_STX | BPF_ATOMIC the load of the same size. */
const TO_LOAD = 0xa2;

/** An instruction that goes to an arena: its opcode, those of stores as STX; see `Code`. */
interface Access {
  readonly opcode: number;
  readonly d: number;
  readonly s: number;
  readonly off: number;
  readonly imm: number;
}

/**
 * Reads or writes where a pointer into an arena leads. Where no page is, a load gives 0, and nothing else changes anything; but of a register that would be loaded there
 * stays no more than the bits that the verifier takes it to have.
 */
export function accessArena(
  arena: ArenaMap,
  { opcode, d, s, off, imm }: Access,
  low: Int32Array,
  high: Int32Array,
): void {
  const view = arena.machine.memory.dv;
  const size = sizeOf(opcode);
  const at = (reg: number) => arena.at(low[reg] ?? 0, off, size);
  const cut = (reg: number): void => {
    if (size < 4) low[reg] = (low[reg] ?? 0) & (2 ** (8 * size) - 1);
    if (size < 8) high[reg] = 0;
  };
  if ((opcode & CLASS) === BPF_LDX) loadInto(low, high, d, view, opcode, at(s));
  else if ((opcode & MODE) !== BPF_ATOMIC || imm === BPF_STORE_REL) store(view, at(d), size, low[s] ?? 0, high[s] ?? 0);
  else if (imm === BPF_LOAD_ACQ) {
    const from = at(s);
    if (from >= 0) loadInto(low, high, d, view, opcode ^ TO_LOAD, from);
    else cut(d);
  } else {
    const on = at(d);
    if (on >= 0) atomicUpdate(view, on, size === 8 ? 8 : 4, imm, low, high, s);
    else if ((imm & BPF_FETCH) !== 0) cut(imm === BPF_CMPXCHG ? 0 : s);
  }
}

function store(view: DataView, to: number, size: number, low: number, high: number): void {
  if (to < 0) return;
  if (size === 1) view.setInt8(to, low);
  else if (size === 2) view.setInt16(to, low, true);
  else view.setInt32(to, low, true);
  if (size === 8) view.setInt32(to + 4, high, true);
}
