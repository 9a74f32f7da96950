import type { BtfValue } from '../../btf/index.ts';
import { ObjectError } from '../../errors.ts';

/** Where the programs find one argument: `struct __bpf_usdt_arg_spec` of usdt.bpf.h. */
export interface UsdtArgument {
  readonly [member: string]: BtfValue;
}

/** `enum __bpf_usdt_arg_type`. */
const CONST = 0;
const REG = 1;
const REG_DEREF = 2;
/** A register, and another one times 1, 2, 4 or 8; libbpf >= 1.7. */
const SIB = 3;

/** As many as `struct __bpf_usdt_spec` has room for. */
const MAX_ARGUMENTS = 12;

/** What an assembler of one architecture writes, after `SIZE@`. */
interface Syntax {
  /** From `lastIndex` on, with the spaces behind it. Its groups: size, number, reg, off, base, index, scale. */
  readonly argument: RegExp;
  /** Bytes from the start of struct pt_regs. `undefined`: there is no such register. */
  register(name: string): number | undefined;
}

/** By EM_*. */
const SYNTAXES: ReadonlyMap<number, Syntax> = new Map([
  [62, { argument: x86Argument(), register: (name) => X86_REGISTERS.get(name) }],
  [183, { argument: arm64Argument(), register: arm64Register }],
]);

/** `-4@$5`, `8@%rax`, `-4@-20(%rbp)`, `1@(%rbp,%rax,8)`. */
function x86Argument(): RegExp {
  const memory = String.raw`(?<off>-?\d+)? *\( *%(?<base>\w+) *(?:, *%(?<index>\w+) *(?:, *(?<scale>\d+) *)?)?\)`;
  return new RegExp(String.raw`(?<size>-?\d+) *@ *(?:\$(?<number>-?\d+)|%(?<reg>\w+)|${memory})(?: +|$)`, 'y');
}

/** `-4@5`, `8@x0`, `-4@[sp, 96]`. */
function arm64Argument(): RegExp {
  const memory = String.raw`\[ *(?<base>[a-z]\w*) *(?:, *(?<off>-?\d+) *)?\]`;
  return new RegExp(String.raw`(?<size>-?\d+) *@ *(?:(?<number>-?\d+)|(?<reg>[a-z]\w*)|${memory})(?: +|$)`, 'y');
}

/** struct pt_regs of x86-64, in its order; `.`: nothing that an argument can be in. */
const X86_PT_REGS = 'r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di . ip . . sp'.split(' ');
const X86_REGISTERS: ReadonlyMap<string, number> = new Map(
  X86_PT_REGS.flatMap((name, i): [string, number][] => {
    if (name === '.') return [];
    const narrow = /^r\d/.test(name)
      ? [name, `${name}d`, `${name}w`, `${name}b`]
      : [`r${name}`, `e${name}`, name, /x$/.test(name) ? name.replace('x', 'l') : `${name}l`];
    return narrow.map((alias) => [alias, 8 * i]);
  }),
);

/** struct user_pt_regs of arm64: x0 to x30, sp. */
function arm64Register(name: string): number | undefined {
  if (name === 'sp') return 8 * 31;
  const number = Number(/^[xw](\d{1,2})$/.exec(name)?.[1] ?? 31);
  return number < 31 ? 8 * number : undefined;
}

/**
 * Where the arguments of a USDT probe are, from the text that the compiler left in the program for an architecture (EM_*). Throws ObjectError if that has an
 * argument that cannot be read: a number of another size than 1, 2, 4 or 8 bytes (a `float`), or at a place that only a linker knows.
 */
export function usdtArguments(machine: number, text: string): UsdtArgument[] {
  const syntax = SYNTAXES.get(machine);
  if (syntax === undefined)
    throw new ObjectError(`it is for machine ${machine}; USDT arguments are known of x86-64 (62) and arm64 (183)`);
  const { argument } = syntax;
  const found: UsdtArgument[] = [];
  argument.lastIndex = text.length - text.trimStart().length;
  while (argument.lastIndex < text.length) {
    const rest = text.slice(argument.lastIndex, argument.lastIndex + 40);
    const groups = argument.exec(text)?.groups;
    const spec = groups && oneArgument(syntax, groups);
    if (spec === undefined) throw new ObjectError(`argument ${found.length} of the probe cannot be read: '${rest}'`);
    if (found.length === MAX_ARGUMENTS)
      throw new ObjectError(`the probe has more than ${MAX_ARGUMENTS} arguments: '${text}'`);
    found.push(spec);
  }
  return found;
}

function oneArgument(syntax: Syntax, groups: Readonly<Record<string, string | undefined>>): UsdtArgument | undefined {
  const { number, reg, off = '0', base, index, scale = '1' } = groups;
  const size = Number(groups.size);
  const shift = [1, 2, 4, 8].includes(Math.abs(size)) ? 64 - 8 * Math.abs(size) : undefined;
  if (shift === undefined) return undefined;
  const common = { arg_signed: size < 0, arg_bitshift: shift };
  if (number !== undefined) return { ...common, arg_type: CONST, val_off: unsigned(number) };
  const reg_off = syntax.register(reg ?? base ?? '');
  if (reg_off === undefined) return undefined;
  if (reg !== undefined) return { ...common, arg_type: REG, reg_off };
  const place = { ...common, reg_off, val_off: unsigned(off) };
  if (index === undefined) return { ...place, arg_type: REG_DEREF };
  const idx_reg_off = syntax.register(index);
  const scale_bitshift = ['1', '2', '4', '8'].indexOf(scale);
  return idx_reg_off === undefined || scale_bitshift < 0
    ? undefined
    : { ...place, arg_type: SIB, idx_reg_off, scale_bitshift };
}

function unsigned(number: string): bigint {
  return BigInt.asUintN(64, BigInt(number));
}
