import type { Helper, HelperEnv } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';
import type { BpfMap } from '../maps/map.ts';
import type { LinearMemory } from '../memory.ts';
import type { Packet } from '../progs/packet.ts';
import type { BpfProg } from '../progs/prog.ts';
import { atomicUpdate } from './atomic.ts';
import { Divider, mulHigh, swap16, swap32 } from './arith.ts';
import { CODES, type Code, IMM, REGISTERS } from './code.ts';
import type { Fault } from './fault.ts';

// More than 300 lines, because one switch over all instructions is what makes an interpreter fast and what a reader wants to see in one piece.

/** Bytes of stack that each function of a program has, below r10. */
export const STACK_SIZE = 512;
/** Functions of one program that may be active at once. */
export const MAX_FRAMES = 8;
/** Tail calls that one run may make. */
export const MAX_TAIL_CALLS = 33;
/** Times that a `may_goto` lets a function go on. */
const MAX_LOOPS = 8 * 1024 * 1024;
/** The first 64 KiB of the linear memory: never allocated, so that a null pointer is found out. */
const NULL_PAGE = 0x10000;

// biome-ignore format: aligned table
const RETURN_HIGH = { integer: 'sign', u32: 'zero', map_value_or_null: 'zero', u64: 'wide', void: 'zero' } as const;

/** What one run works on. */
export interface RunInput {
  readonly code: Code;
  /** Address of the context: what r1 holds at the start. */
  readonly context: number;
  readonly packet: Packet | undefined;
  /** `undefined` for code that no BPF_PROG_LOAD made. */
  readonly program: BpfProg | undefined;
  /** Instructions after which the run is given up: without a verifier a program may loop for ever. */
  readonly budget: number;
}

/**
 * One run of a program, and the environment of its helpers. Runs nest (a redirected packet meets other programs), so the interpreter has
 * one of these a nesting level and uses it again.
 *
 * Registers are pairs of signed 32-bit words: r3 is `high[3]`, `low[3]`. BigInt would allocate on each instruction.
 */
export class Run implements HelperEnv {
  readonly machine: Machine;
  readonly memory: LinearMemory;
  readonly low = new Int32Array(REGISTERS);
  readonly high = new Int32Array(REGISTERS);
  context = 0;
  packet: Packet | undefined;
  map: BpfMap | undefined;
  resultHigh = 0;
  fault: Fault | undefined;

  readonly #helpers: readonly (Helper | undefined)[];
  readonly #divider = new Divider();
  /** Address of MAX_FRAMES stacks; the first function's is the highest. */
  readonly #stack: number;
  #program: BpfProg | undefined;
  #pc = 0;

  // What a call within the program saves: r6 to r9 as eight words, where to go on, in which program, and what is left of its may_goto.
  readonly #saved = new Int32Array(8 * MAX_FRAMES);
  readonly #returns = new Int32Array(MAX_FRAMES);
  readonly #loops = new Int32Array(MAX_FRAMES);
  readonly #callers: ({ readonly code: Code; readonly program: BpfProg | undefined } | undefined)[] = [];

  /** `stack`: address of MAX_FRAMES * STACK_SIZE bytes. */
  constructor(machine: Machine, helpers: readonly (Helper | undefined)[], stack: number) {
    this.machine = machine;
    this.memory = machine.memory;
    this.#helpers = helpers;
    this.#stack = stack;
  }

  fail(reason: string): 0 {
    const program = this.#program && { id: this.#program.id, name: this.#program.attr.name };
    this.fault ??= { insn: this.#pc, reason, program };
    return 0;
  }

  /** The low word of r0 at `exit`; the high one is `high[0]`. 0 after a fault, which is in `fault`. */
  execute(input: RunInput): number {
    const { low, high, memory } = this;
    const divider = this.#divider;
    let { budget } = input;
    let { code, dst, src, off, imm } = input.code;
    let program = input.code;
    let view = memory.dv;
    let limit = view.byteLength;
    let frame = 0;
    let tailCalls = 0;
    let pc = 0;

    this.#program = input.program;
    this.context = input.context;
    this.packet = input.packet;
    this.fault = undefined;
    low.fill(0);
    high.fill(0);
    low[1] = input.context;
    low[10] = this.#enterFrame(0);

    for (;;) {
      const d = dst[pc] ?? 0;
      const s = src[pc] ?? 0;
      const at = off[pc] ?? 0;
      if (s === IMM) {
        const immediate = imm[pc] ?? 0;
        low[IMM] = immediate;
        high[IMM] = immediate >> 31;
      }
      const a = low[d] ?? 0;
      const ah = high[d] ?? 0;
      const b = low[s] ?? 0;
      const bh = high[s] ?? 0;
      this.#pc = pc;
      if (--budget < 0) return this.fail(`still running after ${input.budget} instructions`);

      switch (code[pc++]) {
        case 0x0f: // add64
          low[d] = a + b;
          high[d] = ah + bh + (((a + b) >>> 0) < a >>> 0 ? 1 : 0);
          continue;
        case 0x0c: // add32
          low[d] = a + b;
          high[d] = 0;
          continue;
        case 0x1f: // sub64
          low[d] = a - b;
          high[d] = ah - bh - (a >>> 0 < b >>> 0 ? 1 : 0);
          continue;
        case 0x1c: // sub32
          low[d] = a - b;
          high[d] = 0;
          continue;
        case 0x2f: // mul64
          low[d] = Math.imul(a, b);
          high[d] = mulHigh(a, b) + Math.imul(ah, b) + Math.imul(a, bh);
          continue;
        case 0x2c: // mul32
          low[d] = Math.imul(a, b);
          high[d] = 0;
          continue;
        case 0x3f: // div64
          divider.unsigned(a, ah, b, bh, false);
          low[d] = divider.low;
          high[d] = divider.high;
          continue;
        case 0x3c: // div32
          low[d] = b === 0 ? 0 : (a >>> 0) / (b >>> 0);
          high[d] = 0;
          continue;
        case 0x9f: // mod64
          divider.unsigned(a, ah, b, bh, true);
          low[d] = divider.low;
          high[d] = divider.high;
          continue;
        case 0x9c: // mod32
          low[d] = b === 0 ? a : (a >>> 0) % (b >>> 0);
          high[d] = 0;
          continue;
        case CODES_SDIV:
          divider.signed(a, ah, b, bh, false);
          low[d] = divider.low;
          high[d] = divider.high;
          continue;
        case CODES_SDIV32:
          low[d] = b === 0 ? 0 : a / b;
          high[d] = 0;
          continue;
        case CODES_SMOD:
          divider.signed(a, ah, b, bh, true);
          low[d] = divider.low;
          high[d] = divider.high;
          continue;
        case CODES_SMOD32:
          low[d] = b === 0 ? a : a % b;
          high[d] = 0;
          continue;
        case 0x4f: // or64
          low[d] = a | b;
          high[d] = ah | bh;
          continue;
        case 0x4c: // or32
          low[d] = a | b;
          high[d] = 0;
          continue;
        case 0x5f: // and64
          low[d] = a & b;
          high[d] = ah & bh;
          continue;
        case 0x5c: // and32
          low[d] = a & b;
          high[d] = 0;
          continue;
        case 0xaf: // xor64
          low[d] = a ^ b;
          high[d] = ah ^ bh;
          continue;
        case 0xac: // xor32
          low[d] = a ^ b;
          high[d] = 0;
          continue;
        case 0xbf: // mov64
          low[d] = b;
          high[d] = bh;
          continue;
        case 0xbc: // mov32
          low[d] = b;
          high[d] = 0;
          continue;
      }
    }
  }
}
