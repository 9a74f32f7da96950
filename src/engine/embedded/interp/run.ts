import type { Helper, HelperEnv, Wide } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';
import type { BpfMap } from '../maps/map.ts';
import { ProgArray } from '../maps/prog-array.ts';
import { type LinearMemory, NULL_PAGE } from '../memory.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Subject } from '../progs/subject.ts';
import { Divider, mulHigh, swap16, swap32 } from './arith.ts';
import { atomicUpdate } from './atomic.ts';
import { type Code, IMM, IN_ARENA, PROBED, REGISTERS, REPLACED } from './code.ts';
import type { Fault } from './fault.ts';
import { accessArena } from './in-arena.ts';
import { loadInto, sizeOf } from './load.ts';

// More than 300 lines, because one switch over all instructions is what makes an interpreter fast and what a reader wants to see in one piece.

/** Bytes of stack that each function of a program has, below r10. */
export const STACK_SIZE = 512;
/** Functions of one program that may be active at once. */
export const MAX_FRAMES = 8;
/** Bytes that helpers have for each function, for what they hand to callbacks. */
export const SCRATCH_SIZE = 16;
/** Tail calls that one run may make. */
export const MAX_TAIL_CALLS = 33;
/** Times that a `may_goto` lets a function go on. */
export const MAX_LOOPS = 8 * 1024 * 1024;

/** Frames of programs that tail calls of functions led to, and of those in the place of functions. */
const DEEP_FRAMES = MAX_FRAMES * (MAX_TAIL_CALLS + 1);
const TOO_DEEP = `more than ${MAX_FRAMES} functions are active`;

/** What one run works on. */
export interface RunInput {
  readonly code: Code;
  /** Address of the context. */
  readonly context: number;
  readonly subject: Subject | undefined;
  /** `undefined` for code that no BPF_PROG_LOAD made. */
  readonly program: BpfProg | undefined;
  /** Instructions after which the run is given up: without a verifier a program may loop for ever. */
  readonly budget: number;
  /** The slot where it starts. */
  readonly start: number;
  /** r1 and so on at the start. */
  readonly args: readonly number[];
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
  subject: Subject | undefined;
  map: BpfMap | undefined;
  resultHigh = 0;
  lock = 0;
  fault: Fault | undefined;
  #thrown: Wide | undefined;

  readonly #helpers: readonly (Helper | undefined)[];
  readonly #divider = new Divider();
  /** Address of MAX_FRAMES stacks; the first function's is the highest. */
  readonly #stack: number;
  /** Likewise of DEEP_FRAMES stacks, the first function's the lowest, and what a frame has besides; 0 until so many are needed. */
  #deep = 0;
  #program: BpfProg | undefined;
  #pc = 0;
  // Where a callback that a helper makes goes on from.
  #code: Code | undefined;
  #frame = 0;
  #allowed = 0;
  #budget = 0;
  #tailCalls = 0;
  /** Programs that run in the place of functions. */
  #replacing = 0;

  // What a call within the program saves: r6 to r9 as eight words, where to go on, in which program, and what is left of its may_goto.
  readonly #saved = new Int32Array(8 * (MAX_FRAMES + DEEP_FRAMES));
  readonly #returns = new Int32Array(MAX_FRAMES + DEEP_FRAMES);
  readonly #loops = new Int32Array(MAX_FRAMES + DEEP_FRAMES);
  readonly #callers: ({ readonly code: Code; readonly program: BpfProg | undefined } | undefined)[] = [];

  /** `stack`: address of MAX_FRAMES * (STACK_SIZE + SCRATCH_SIZE) bytes. */
  constructor(machine: Machine, helpers: readonly (Helper | undefined)[], stack: number) {
    this.machine = machine;
    this.memory = machine.memory;
    this.#helpers = helpers;
    this.#stack = stack;
  }

  get program(): BpfProg | undefined {
    return this.#program;
  }

  get scratch(): number {
    const frame = this.#frame;
    if (frame < MAX_FRAMES) return this.#stack + STACK_SIZE * MAX_FRAMES + SCRATCH_SIZE * frame;
    return this.#deep + STACK_SIZE * DEEP_FRAMES + SCRATCH_SIZE * (frame - MAX_FRAMES);
  }

  fail(reason: string): 0 {
    const program = this.#program && { id: this.#program.id, name: this.#program.attr.name };
    this.fault ??= { insn: this.#pc, reason, program };
    return 0;
  }

  throw(cookie: Wide): 0 {
    this.#thrown ??= cookie;
    return this.fail('bpf_throw');
  }

  /** The low word of r0 at `exit`, signed; the high one is `high[0]`. 0 after a fault, which is in `fault`. */
  execute({ code, context, subject, program, budget, start, args }: RunInput): number {
    this.#program = program;
    this.context = context;
    this.subject = subject;
    this.fault = undefined;
    this.#thrown = undefined;
    this.low.fill(0);
    this.high.fill(0);
    args.forEach((value, i) => {
      this.low[i + 1] = value;
    });
    this.lock = 0;
    this.low[10] = this.#enter(0);
    this.#allowed = budget;
    this.#budget = budget;
    this.#tailCalls = 0;
    this.#replacing = 0;
    let result = this.#run(code, start, 0);
    if (this.#thrown !== undefined) result = this.#catch(this.#thrown, 0);
    if (this.lock !== 0) this.#dropLock();
    return result;
  }

  /** All functions from `frame` on were left at once: what the program that threw says is the result. */
  #catch(cookie: Wide, frame: number): number {
    const program = this.#program;
    this.fault = undefined;
    this.#thrown = undefined;
    this.low[0] = cookie.low;
    this.high[0] = cookie.high;
    if (program?.attr.exceptionCallback === undefined) return cookie.low;
    this.low[1] = cookie.low;
    this.high[1] = cookie.high;
    this.low[10] = this.#enter(frame);
    return this.#run(program.code, program.attr.exceptionCallback, frame);
  }

  /** Runs the program in the place of the function that was entered as number `frame`; false after a fault. */
  #runReplacement(start: number, frame: number): boolean {
    const program = this.#program;
    const by = program?.replacements.get(start);
    if (by === undefined) throw new Error('embedded kernel: nothing is in the place of a function');
    this.#program = by;
    this.#replacing++;
    this.#run(by.code, 0, frame);
    if (this.#thrown !== undefined) this.#catch(this.#thrown, frame);
    this.#replacing--;
    this.#program = program;
    return this.fault === undefined;
  }

  callback(func: number, context: Wide, ...args: readonly number[]): number {
    const [frame, code, pc] = [this.#frame, this.#code, this.#pc];
    if (code === undefined || this.fault !== undefined) return 0;
    if (!this.#mayEnter(frame + 1)) return this.fail(TOO_DEEP);
    this.#save(frame, pc, code);
    args.forEach((value, i) => {
      this.low[i + 1] = value;
      this.high[i + 1] = 0;
    });
    this.low[args.length + 1] = context.low;
    this.high[args.length + 1] = context.high;
    this.low[10] = this.#enter(frame + 1);
    const result = this.#run(code, func, frame + 1);
    if (this.fault === undefined) this.#restore(frame);
    [this.#frame, this.#code, this.#pc] = [frame, code, pc];
    return result | (this.high[0] ?? 0);
  }

  /** Runs the function at slot `start` as function number `base`, until it returns. */
  #run(start: Code, startPc: number, base: number): number {
    const { low, high, memory } = this;
    const divider = this.#divider;
    let budget = this.#budget;
    let program = start;
    let { code, dst, src, off, imm } = program;
    let view = memory.dv;
    let limit = view.byteLength;
    let frame = base;
    let pc = startPc;

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
      if (--budget < 0) return this.fail(`still running after ${this.#allowed} instructions`);

      switch (code[pc++]) {
        case 0x0f: // add64
          low[d] = a + b;
          high[d] = ah + bh + ((a + b) >>> 0 < a >>> 0 ? 1 : 0);
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
        case 0x120: // sdiv64
          divider.signed(a, ah, b, bh, false);
          low[d] = divider.low;
          high[d] = divider.high;
          continue;
        case 0x122: // sdiv32
          low[d] = b === 0 ? 0 : a / b;
          high[d] = 0;
          continue;
        case 0x121: // smod64
          divider.signed(a, ah, b, bh, true);
          low[d] = divider.low;
          high[d] = divider.high;
          continue;
        case 0x123: // smod32
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
        case 0x116: // an address of user space for a pointer into the arena
          low[d] = b;
          high[d] = b === 0 ? 0 : (imm[pc - 1] ?? 0);
          continue;
        case 0x118: // movsx64, 8 bits
          low[d] = (b << 24) >> 24;
          high[d] = (b << 24) >> 31;
          continue;
        case 0x119: // movsx64, 16 bits
          low[d] = (b << 16) >> 16;
          high[d] = (b << 16) >> 31;
          continue;
        case 0x11a: // movsx64, 32 bits
          low[d] = b;
          high[d] = b >> 31;
          continue;
        case 0x11b: // movsx32, 8 bits
          low[d] = (b << 24) >> 24;
          high[d] = 0;
          continue;
        case 0x11c: // movsx32, 16 bits
          low[d] = (b << 16) >> 16;
          high[d] = 0;
          continue;
        case 0x6f: {
          // lsh64
          const n = b & 63;
          if (n >= 32) {
            low[d] = 0;
            high[d] = a << (n - 32);
          } else if (n > 0) {
            low[d] = a << n;
            high[d] = (ah << n) | (a >>> (32 - n));
          }
          continue;
        }
        case 0x6c: // lsh32
          low[d] = a << (b & 31);
          high[d] = 0;
          continue;
        case 0x7f: {
          // rsh64
          const n = b & 63;
          if (n >= 32) {
            low[d] = ah >>> (n - 32);
            high[d] = 0;
          } else if (n > 0) {
            low[d] = (a >>> n) | (ah << (32 - n));
            high[d] = ah >>> n;
          }
          continue;
        }
        case 0x7c: // rsh32
          low[d] = a >>> (b & 31);
          high[d] = 0;
          continue;
        case 0xcf: {
          // arsh64
          const n = b & 63;
          if (n >= 32) {
            low[d] = ah >> (n - 32);
            high[d] = ah >> 31;
          } else if (n > 0) {
            low[d] = (a >>> n) | (ah << (32 - n));
            high[d] = ah >> n;
          }
          continue;
        }
        case 0xcc: // arsh32
          low[d] = a >> (b & 31);
          high[d] = 0;
          continue;
        case 0x87: // neg64
          low[d] = -a;
          high[d] = a === 0 ? -ah : ~ah;
          continue;
        case 0x84: // neg32
          low[d] = -a;
          high[d] = 0;
          continue;
        case 0x110: // be16, bswap16
          low[d] = swap16(a);
          high[d] = 0;
          continue;
        case 0x111: // be32, bswap32
          low[d] = swap32(a);
          high[d] = 0;
          continue;
        case 0x112: // be64, bswap64
          low[d] = swap32(ah);
          high[d] = swap32(a);
          continue;
        case 0x113: // le16
          low[d] = a & 0xffff;
          high[d] = 0;
          continue;
        case 0x114: // le32
          high[d] = 0;
          continue;
        case 0x115: // le64
          continue;
        case 0x18: // ld_imm64
          low[d] = imm[pc - 1] ?? 0;
          high[d] = at;
          pc++;
          continue;

        case 0x71: {
          // load u8
          const from = place(b, bh, at, 1, limit);
          if (from < 0) return this.#badAccess('read', 1, b, bh, at);
          low[d] = view.getUint8(from);
          high[d] = 0;
          continue;
        }
        case 0x69: {
          // load u16
          const from = place(b, bh, at, 2, limit);
          if (from < 0) return this.#badAccess('read', 2, b, bh, at);
          low[d] = view.getUint16(from, true);
          high[d] = 0;
          continue;
        }
        case 0x61: {
          // load u32
          const from = place(b, bh, at, 4, limit);
          if (from < 0) return this.#badAccess('read', 4, b, bh, at);
          low[d] = view.getInt32(from, true);
          high[d] = 0;
          continue;
        }
        case 0x79: {
          // load u64
          const from = place(b, bh, at, 8, limit);
          if (from < 0) return this.#badAccess('read', 8, b, bh, at);
          low[d] = view.getInt32(from, true);
          high[d] = view.getInt32(from + 4, true);
          continue;
        }
        case 0x91: {
          // load s8
          const from = place(b, bh, at, 1, limit);
          if (from < 0) return this.#badAccess('read', 1, b, bh, at);
          const value = view.getInt8(from);
          low[d] = value;
          high[d] = value >> 31;
          continue;
        }
        case 0x89: {
          // load s16
          const from = place(b, bh, at, 2, limit);
          if (from < 0) return this.#badAccess('read', 2, b, bh, at);
          const value = view.getInt16(from, true);
          low[d] = value;
          high[d] = value >> 31;
          continue;
        }
        case 0x81: {
          // load s32
          const from = place(b, bh, at, 4, limit);
          if (from < 0) return this.#badAccess('read', 4, b, bh, at);
          const value = view.getInt32(from, true);
          low[d] = value;
          high[d] = value >> 31;
          continue;
        }
        case 0x73: {
          // store u8
          const to = place(a, ah, at, 1, limit);
          if (to < 0) return this.#badAccess('write', 1, a, ah, at);
          view.setInt8(to, b);
          continue;
        }
        case 0x6b: {
          // store u16
          const to = place(a, ah, at, 2, limit);
          if (to < 0) return this.#badAccess('write', 2, a, ah, at);
          view.setInt16(to, b, true);
          continue;
        }
        case 0x63: {
          // store u32
          const to = place(a, ah, at, 4, limit);
          if (to < 0) return this.#badAccess('write', 4, a, ah, at);
          view.setInt32(to, b, true);
          continue;
        }
        case 0x7b: {
          // store u64
          const to = place(a, ah, at, 8, limit);
          if (to < 0) return this.#badAccess('write', 8, a, ah, at);
          view.setInt32(to, b, true);
          view.setInt32(to + 4, bh, true);
          continue;
        }
        case 0xc3: {
          // atomic32
          const on = place(a, ah, at, 4, limit);
          if (on < 0) return this.#badAccess('write', 4, a, ah, at);
          if (!atomicUpdate(view, on, 4, imm[pc - 1] ?? 0, low, high, s)) return this.#unknownInsn();
          continue;
        }
        case 0xdb: {
          // atomic64
          const on = place(a, ah, at, 8, limit);
          if (on < 0) return this.#badAccess('write', 8, a, ah, at);
          if (!atomicUpdate(view, on, 8, imm[pc - 1] ?? 0, low, high, s)) return this.#unknownInsn();
          continue;
        }

        case 0x05: // goto
          pc = at;
          continue;
        case 0xe5: // may_goto
          if (!this.#mayGo(frame)) pc = at;
          continue;
        case 0x1d: // jeq
          if (a === b && ah === bh) pc = at;
          continue;
        case 0x1e: // jeq32
          if (a === b) pc = at;
          continue;
        case 0x5d: // jne
          if (a !== b || ah !== bh) pc = at;
          continue;
        case 0x5e: // jne32
          if (a !== b) pc = at;
          continue;
        case 0x4d: // jset
          if ((a & b) !== 0 || (ah & bh) !== 0) pc = at;
          continue;
        case 0x4e: // jset32
          if ((a & b) !== 0) pc = at;
          continue;
        case 0x2d: // jgt
          if (ah === bh ? a >>> 0 > b >>> 0 : ah >>> 0 > bh >>> 0) pc = at;
          continue;
        case 0x2e: // jgt32
          if (a >>> 0 > b >>> 0) pc = at;
          continue;
        case 0x3d: // jge
          if (ah === bh ? a >>> 0 >= b >>> 0 : ah >>> 0 > bh >>> 0) pc = at;
          continue;
        case 0x3e: // jge32
          if (a >>> 0 >= b >>> 0) pc = at;
          continue;
        case 0xad: // jlt
          if (ah === bh ? a >>> 0 < b >>> 0 : ah >>> 0 < bh >>> 0) pc = at;
          continue;
        case 0xae: // jlt32
          if (a >>> 0 < b >>> 0) pc = at;
          continue;
        case 0xbd: // jle
          if (ah === bh ? a >>> 0 <= b >>> 0 : ah >>> 0 < bh >>> 0) pc = at;
          continue;
        case 0xbe: // jle32
          if (a >>> 0 <= b >>> 0) pc = at;
          continue;
        case 0x6d: // jsgt
          if (ah === bh ? a >>> 0 > b >>> 0 : ah > bh) pc = at;
          continue;
        case 0x6e: // jsgt32
          if (a > b) pc = at;
          continue;
        case 0x7d: // jsge
          if (ah === bh ? a >>> 0 >= b >>> 0 : ah > bh) pc = at;
          continue;
        case 0x7e: // jsge32
          if (a >= b) pc = at;
          continue;
        case 0xcd: // jslt
          if (ah === bh ? a >>> 0 < b >>> 0 : ah < bh) pc = at;
          continue;
        case 0xce: // jslt32
          if (a < b) pc = at;
          continue;
        case 0xdd: // jsle
          if (ah === bh ? a >>> 0 <= b >>> 0 : ah < bh) pc = at;
          continue;
        case 0xde: // jsle32
          if (a <= b) pc = at;
          continue;

        case 0x85: {
          // call of a helper
          const id = imm[pc - 1] ?? 0;
          const helper = this.#helpers[id];
          if (helper === undefined) return this.fail(`there is no helper ${id}`);
          if (this.lock !== 0 && !helper.underLock)
            return this.fail('function calls are not allowed while holding a lock');
          this.#code = program;
          this.#frame = frame;
          this.#budget = budget;
          const result = helper.invoke(this, low, high);
          if (this.fault !== undefined) return 0;
          // A helper may have made the memory grow, or called a function of the program.
          budget = this.#budget;
          view = memory.dv;
          limit = view.byteLength;
          low[0] = result;
          high[0] = helper.returns === 'integer' ? result >> 31 : helper.returns === 'u64' ? this.resultHigh : 0;
          continue;
        }
        case 0x131: {
          // bpf_tail_call: on success nothing comes back here
          const target = this.#tailCalls < MAX_TAIL_CALLS ? this.#tailCallTarget() : undefined;
          if (this.fault !== undefined) return 0;
          if (target === undefined) continue;
          this.#tailCalls++;
          this.#program = target;
          program = target.code;
          ({ code, dst, src, off, imm } = program);
          pc = 0;
          this.#loops[frame] = MAX_LOOPS;
          continue;
        }
        case 0x130: {
          // call of a function of this program
          if (!this.#mayEnter(frame + 1)) return this.fail(TOO_DEEP);
          this.#save(frame, pc, program);
          frame++;
          low[10] = this.#enter(frame);
          pc = at;
          continue;
        }
        case 0x95: {
          // exit
          if (frame === base) {
            this.#budget = budget;
            return low[0] ?? 0;
          }
          frame--;
          program = this.#restore(frame);
          ({ code, dst, src, off, imm } = program);
          pc = this.#returns[frame] ?? 0;
          continue;
        }

        case 0x30: // ld_abs, ld_ind: skb[imm], skb[src + imm]
        case 0x28:
        case 0x20:
        case 0x50:
        case 0x48:
        case 0x40:
          if (this.#loadPacket(code[pc - 1] ?? 0, imm[pc - 1] ?? 0, b)) continue;
          if (this.fault !== undefined) return 0;
          // Outside of the packet: the function exits with 0, and that is no fault.
          low[0] = 0;
          high[0] = 0;
          if (frame === base) {
            this.#budget = budget;
            return 0;
          }
          frame--;
          program = this.#restore(frame);
          ({ code, dst, src, off, imm } = program);
          pc = this.#returns[frame] ?? 0;
          continue;

        default: {
          const opcode = code[pc - 1] ?? 0;
          if ((opcode & REPLACED) !== 0) {
            this.#budget = budget;
            if (!this.#runReplacement(pc - 1, frame)) return 0;
            budget = this.#budget;
            view = memory.dv;
            limit = view.byteLength;
            if (frame === base) return low[0] ?? 0;
            frame--;
            program = this.#restore(frame);
            ({ code, dst, src, off, imm } = program);
            pc = this.#returns[frame] ?? 0;
            continue;
          }
          const load = opcode ^ PROBED;
          if (load < PROBED) {
            loadInto(low, high, d, view, load, place(b, bh, at, sizeOf(load), limit));
            continue;
          }
          const arena = (opcode & IN_ARENA) === 0 ? undefined : this.#program?.arena;
          if (arena === undefined) return this.#unknownInsn();
          accessArena(arena, { opcode: opcode ^ IN_ARENA, d, s, off: at, imm: imm[pc - 1] ?? 0 }, low, high);
        }
      }
    }
  }

  /** Each program that a tail call led to, or that is in the place of a function, may have as many functions active as the first. */
  #mayEnter(frame: number): boolean {
    if (frame < MAX_FRAMES) return true;
    if (frame >= Math.min(MAX_FRAMES * (1 + this.#tailCalls + this.#replacing), MAX_FRAMES + DEEP_FRAMES)) return false;
    if (this.#deep === 0) this.#deep = this.memory.alloc(DEEP_FRAMES * (STACK_SIZE + SCRATCH_SIZE));
    return this.#deep !== 0;
  }

  #stackEnd(frame: number): number {
    return frame < MAX_FRAMES
      ? this.#stack + STACK_SIZE * (MAX_FRAMES - frame)
      : this.#deep + STACK_SIZE * (frame - MAX_FRAMES + 1);
  }

  /** Address of the stack's end for function number `frame`, zeroed: r10. */
  #enter(frame: number): number {
    const end = this.#stackEnd(frame);
    this.memory.clear(end - STACK_SIZE, STACK_SIZE);
    this.#loops[frame] = MAX_LOOPS;
    return end;
  }

  #save(frame: number, pc: number, code: Code): void {
    for (let i = 0; i < 4; i++) {
      this.#saved[8 * frame + i] = this.low[6 + i] ?? 0;
      this.#saved[8 * frame + 4 + i] = this.high[6 + i] ?? 0;
    }
    this.#returns[frame] = pc;
    this.#callers[frame] = { code, program: this.#program };
  }

  #restore(frame: number): Code {
    for (let i = 0; i < 4; i++) {
      this.low[6 + i] = this.#saved[8 * frame + i] ?? 0;
      this.high[6 + i] = this.#saved[8 * frame + 4 + i] ?? 0;
    }
    this.low[10] = this.#stackEnd(frame);
    const caller = this.#callers[frame];
    if (caller === undefined) throw new Error('embedded kernel: a function returns that nobody called');
    this.#program = caller.program;
    return caller.code;
  }

  #mayGo(frame: number): boolean {
    const left = (this.#loops[frame] ?? 0) - 1;
    this.#loops[frame] = left;
    return left >= 0;
  }

  #tailCallTarget(): BpfProg | undefined {
    const map = this.machine.mapAt(this.low[2] ?? 0);
    if (map === undefined || this.high[2] !== 0) {
      this.fail('R2 of a tail call is no map');
      return undefined;
    }
    return map instanceof ProgArray ? map.program((this.low[3] ?? 0) >>> 0) : undefined;
  }

  /** False: outside of the packet, or a fault. */
  #loadPacket(opcode: number, offset: number, index: number): boolean {
    const { subject } = this;
    if (subject?.kind !== 'skb') {
      this.fail('this program type has no packet to load from');
      return false;
    }
    const size = (opcode & 0x18) === 0x10 ? 1 : (opcode & 0x18) === 0x08 ? 2 : 4;
    const from = subject.absolute(opcode & 0x40 ? (offset + index) | 0 : offset, size);
    if (from < 0) return false;
    const view = this.memory.dv;
    this.low[0] = size === 1 ? view.getUint8(from) : size === 2 ? view.getUint16(from) : view.getInt32(from);
    this.high[0] = 0;
    return true;
  }

  /** A run ends and holds a lock still. */
  #dropLock(): void {
    this.fail('BPF_EXIT instruction in main prog cannot be used inside bpf_spin_lock-ed region');
    if (this.memory.check(this.lock, 4)) this.memory.dv.setUint32(this.lock, 0, true);
    this.lock = 0;
  }

  #unknownInsn(): 0 {
    return this.fail('this is no instruction, or not one of this kernel, or the program has no instruction here');
  }

  #badAccess(verb: 'read' | 'write', size: number, low: number, high: number, off: number): 0 {
    const base = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    const address = BigInt.asUintN(64, base + BigInt(off));
    const what = address < BigInt(NULL_PAGE) ? 'the null page' : 'outside the memory';
    return this.fail(`${verb} of ${size} bytes at 0x${address.toString(16)}, ${what}`);
  }
}

/** The address of `size` bytes at register + off, or -1 if they are not all in the memory. */
function place(low: number, high: number, off: number, size: number, limit: number): number {
  const at = (low >>> 0) + off;
  return high === 0 && at >= NULL_PAGE && at + size <= limit ? at : -1;
}
