import { encodeInsns, type Insn, ldImm64, operationOf } from '../../src/isa/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { progTypeNumber } from '../../src/uapi/bpf.ts';
import { Session } from '../contract/session.ts';

/** Registers of every case: the value of its map, and the context. */
export const VALUE = 9;
export const CONTEXT = 6;
/** Words of the map's value that a program reads; what it leaves follows. */
export const INPUTS = 8;
/** As many words as an instruction's offset reaches. */
const MAX_WORDS = 4095;

/** A program, what it is given in a map, and what the words are that it leaves there. */
export interface Case {
  readonly name: string;
  /** Behind `r6 = r1` and `r9 = ` the map's value. */
  readonly insns: readonly Partial<Insn>[];
  readonly outputs: readonly string[];
  /** Words for each run, {@link INPUTS} at most. */
  readonly runs: readonly (readonly bigint[])[];
}

/** Writes a case: instructions one after the other, and words that are kept. */
export class CaseWriter {
  readonly #name: string;
  readonly #insns: Partial<Insn>[] = [];
  readonly #outputs: string[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  get isFull(): boolean {
    return INPUTS + this.#outputs.length > MAX_WORDS - 64;
  }

  add(...insns: readonly Partial<Insn>[]): void {
    this.#insns.push(...insns);
  }

  load(dst: number, input: number): void {
    this.add({ opcode: 0x79, dst, src: VALUE, off: 8 * input });
  }

  /** Keeps a register, or its low half, as an output. */
  keep(name: string, src: number, size: 4 | 8 = 8): void {
    const off = 8 * (INPUTS + this.#outputs.length);
    this.#outputs.push(name);
    this.add({ opcode: size === 8 ? 0x7b : 0x63, dst: VALUE, src, off });
  }

  finish(runs: readonly (readonly bigint[])[] = [[]]): Case {
    this.add({ opcode: 0xb7 }, { opcode: 0x95 });
    return { name: this.#name, insns: this.#insns, outputs: this.#outputs, runs };
  }
}

/** What a kernel's programs leave, for each run. Throws SysError if it refuses one. */
export function observe(kernel: Kernel, { insns, outputs, runs }: Case): BigUint64Array[] {
  using session = new Session(kernel);
  const value_size = 8 * (INPUTS + outputs.length);
  const map = session.map('array', { value_size, max_entries: 1 });
  const program = encodeInsns([{ opcode: 0xbf, dst: CONTEXT, src: 1 }, ...ldImm64(VALUE, BigInt(map), 2), ...insns]);
  const prog_fd = session.prog({
    prog_type: progTypeNumber.socket_filter,
    insns: program,
    insn_cnt: program.length / 8,
  });
  const frame = Uint8Array.from({ length: 64 }, (_, i) => i * 5);
  return runs.map((inputs) => {
    const value = new BigUint64Array(value_size / 8);
    value.set(inputs);
    const bytes = new Uint8Array(value.buffer);
    session.update(map, 0, bytes);
    kernel.bpf('BPF_PROG_TEST_RUN', { prog_fd, data_in: frame, data_size_in: frame.length });
    kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: map, key: new Uint8Array(4), value: bytes });
    return value.slice(INPUTS);
  });
}

/** Where two kernels differ, in words; at most ten. */
export function differences({ outputs, runs }: Case, got: BigUint64Array[], want: BigUint64Array[]): string[] {
  const found = runs.flatMap((inputs, run) =>
    outputs.flatMap((name, at) => {
      const [here, there] = [got[run]?.[at], want[run]?.[at]];
      return here === there ? [] : [`${name} of ${inputs.map(hex).join(', ')} is ${hex(here)}, not ${hex(there)}`];
    }),
  );
  return found.slice(0, 10);
}

/** The kinds of instructions that cases are made of: opcodes, and what atomic ones do. */
export function coverage(cases: readonly Case[]): { readonly opcodes: Set<number>; readonly atomics: Set<number> } {
  const opcodes = new Set<number>();
  const atomics = new Set<number>();
  for (const { insns } of cases)
    for (const { opcode = 0, imm = 0 } of insns) {
      opcodes.add(opcode);
      if (operationOf(opcode)?.kind === 'atomic') atomics.add(imm);
    }
  return { opcodes, atomics };
}

function hex(word: bigint | undefined): string {
  return word === undefined ? 'nothing' : `0x${word.toString(16)}`;
}
