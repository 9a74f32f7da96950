import { BPF_REG_10 } from './opcode.ts';
import type { AssemblyLine } from './parse-line.ts';
import type { MemSize } from './table.ts';

/** `r1` or `w1`. */
export interface Register {
  readonly number: number;
  readonly bits: 32 | 64;
  readonly column: number;
}

/** `*(u32 *)(r1 + 4)`, or without the first star. */
export interface Place {
  readonly size: MemSize;
  readonly base: number;
  readonly off: number;
}

const REGISTER = /([rw])(\d+)(?![\w.$@])/y;
const TYPE = /([us])(8|16|32|64)(?![\w.$@])/y;

export const I32_MIN = -(1n << 31n);
export const I32_MAX = (1n << 31n) - 1n;
export const U32_MAX = (1n << 32n) - 1n;

/** A register; `undefined`, and nothing is taken: there is none. */
export function register(line: AssemblyLine): Register | undefined {
  const { column } = line;
  const found = line.match(REGISTER);
  if (found === undefined) return undefined;
  const number = Number(found[2]);
  if (number > BPF_REG_10)
    line.failAt(column, `there is no register ${found[0].slice(0, 20)}: r0 to r10 and w0 to w10 are expected`);
  return { number, bits: found[1] === 'w' ? 32 : 64, column };
}

/** The number of a 64-bit register, which must be there. */
export function wideRegister(line: AssemblyLine): number {
  const found = register(line) ?? line.fail('a register');
  wide(line, found);
  return found.number;
}

/** The register must be one of 64 bits. */
export function wide(line: AssemblyLine, { number, bits, column }: Register): void {
  if (bits !== 64) line.failAt(column, `r${number} expected, got w${number}`);
}

/** The register must be as wide as the one on the left. */
export function sameWidth(line: AssemblyLine, { number, bits, column }: Register, wanted: 32 | 64): void {
  if (bits !== wanted)
    line.failAt(column, `${wanted === 32 ? `w${number}` : `r${number}`} expected, as wide as the register on the left`);
}

/** The register must be the one on the left. */
export function sameRegister(line: AssemblyLine, found: Register, wanted: Register): void {
  const name = `${wanted.bits === 32 ? 'w' : 'r'}${wanted.number}`;
  if (found.number !== wanted.number || found.bits !== wanted.bits)
    line.failAt(found.column, `${name} expected, as on the left`);
}

/** LLVM may write the register of an access of up to 4 bytes as w, the kernel writes r. */
export function memoryRegister(line: AssemblyLine, found: Register, size: MemSize): void {
  if (size === 8) wide(line, found);
}

/** `u32`, `s8` */
export function type(line: AssemblyLine): { readonly size: MemSize; readonly signed: boolean } {
  const [, sign, bits] = line.match(TYPE) ?? line.fail("a type such as 'u32'");
  const size = ({ 8: 1, 16: 2, 32: 4 } as const)[bits ?? ''] ?? 8;
  return { size, signed: sign === 's' };
}

/** `(u32 *)(r1 + 4)` */
export function place(line: AssemblyLine): Place {
  line.expect('(');
  const { column } = line;
  const { size, signed } = type(line);
  if (signed) line.failAt(column, `u${8 * size} expected`);
  line.expect('*', ')');
  return { size, ...address(line) };
}

/** `(r1 + 4)` */
export function address(line: AssemblyLine): { readonly base: number; readonly off: number } {
  line.expect('(');
  const found = baseAndOffset(line);
  line.expect(')');
  return found;
}

/** `r1`, `r1 +4`, `r1 - 0x4` */
export function baseAndOffset(line: AssemblyLine): { readonly base: number; readonly off: number } {
  const base = wideRegister(line);
  const signed = line.match(/(?=[-+])/y) !== undefined;
  return { base, off: signed ? Number(line.integer('an offset', -0x8000n, 0x7fffn)) : 0 };
}

/** The number as `imm` holds it. Where the kernel extends its sign to 64 bits, one that this would change is refused. */
export function imm32(line: AssemblyLine, column: number, n: bigint, bits: 32 | 64): number {
  if (n < I32_MIN || n > U32_MAX) line.failAt(column, `${n} does not fit into 32 bits; \`r1 = ${n} ll\` loads 64`);
  if (n > I32_MAX && bits === 64)
    line.failAt(
      column,
      `${n} would become ${BigInt.asUintN(64, BigInt.asIntN(32, n))} in 64 bits; write ${BigInt.asIntN(32, n)}, or load it with 'll'`,
    );
  return Number(BigInt.asIntN(32, n));
}
