import { ptRegs } from '../../../uapi/contexts.ts';
import { errno } from '../../../uapi/errno.ts';
import type { FunctionBody } from './built-in.ts';
import { type Attached, type Fired, TracePoint } from './trace-point.ts';

/** Where programs with typed arguments run: before a function, in its place if they say so, and after it. */
export type TypedPlace = 'trace_fentry' | 'modify_return' | 'trace_fexit';

/** What a call came to. */
export interface Called {
  /** 64 bits; `undefined`: it does not return. */
  readonly result: bigint | undefined;
  readonly fired: Fired[];
}

/** Registers of x86-64 that the first arguments of a function are in. */
export const ARGUMENT_REGISTERS = ['di', 'si', 'dx', 'cx', 'r8', 'r9'] as const;
/** Programs that one function can have at its typed places. */
const BPF_MAX_TRAMP_LINKS = 38;
const WORD = 8;
/** Arguments of a function that programs are shown, and its result. */
const MAX_WORDS = 13;

/** What is said of a function beside its name. */
export interface FunctionTraits {
  /** Programs may change what it returns, as those of `ALLOW_ERROR_INJECTION`. */
  readonly errorInjection?: boolean | undefined;
  /** Programs on it may sleep. */
  readonly sleepable?: boolean | undefined;
  readonly body?: FunctionBody | undefined;
}

/** A function that programs can be on: kprobes at its entry and exit, and programs with its typed arguments. */
export class TracedFunction {
  readonly name: string;
  readonly address: bigint;
  readonly traits: FunctionTraits;
  readonly entry = new TracePoint();
  readonly exit = new TracePoint();
  readonly #typed: Readonly<Record<TypedPlace, TracePoint>> = {
    trace_fentry: new TracePoint(),
    modify_return: new TracePoint(),
    trace_fexit: new TracePoint(),
  };

  constructor(name: string, address: bigint, traits: FunctionTraits) {
    this.name = name;
    this.address = address;
    this.traits = traits;
  }

  /** 0, -EBUSY if the program is there, -E2BIG. The caller holds the program. */
  attach(place: TypedPlace, attached: Attached): number {
    const places = Object.values(this.#typed);
    if (this.#typed[place].has(attached.prog)) return -errno.EBUSY;
    if (places.reduce((count, { size }) => count + size, 0) >= BPF_MAX_TRAMP_LINKS) return -errno.E2BIG;
    this.#typed[place].add(attached);
    return 0;
  }

  detach(place: TypedPlace, attached: Attached): void {
    this.#typed[place].detach(attached);
  }

  /**
   * Calls it: all programs run that are on it, in Linux's order. `args`: words, `count` of which programs with types are shown. `body`: what it does itself, if no program
   * has put a result in its place; without it the function does not return. `judge`: the programs of cgroups, for hooks of LSM, whose result stands if it is not 0.
   */
  call(
    args: readonly bigint[],
    count: number,
    body: ((args: readonly bigint[]) => bigint) | undefined,
    judge?: (context: Uint8Array) => { readonly retval: number; readonly fired: readonly Fired[] },
  ): Called {
    const functionAddress = this.address;
    const passing = { functionAddress, args: count, room: MAX_WORDS * WORD };
    const registers = Object.fromEntries(ARGUMENT_REGISTERS.map((name, i) => [name, args[i] ?? 0n]));
    const shown = Array.from({ length: count }, (_, i) => args[i] ?? 0n);
    const fired = this.entry.fire(ptRegs.encode({ ...registers, ip: functionAddress }), { functionAddress });
    fired.push(...this.#typed.trace_fentry.fire(words(shown), passing));
    let result = 0n;
    const endsWith = (given: bigint): boolean => {
      result = given;
      return given !== 0n;
    };
    fired.push(...this.#typed.modify_return.fire(words([...shown, 0n]), { ...passing, returns: true, endsWith }));
    if (result === 0n && judge !== undefined) {
      const verdict = judge(words([...shown, 0n]));
      fired.push(...verdict.fired);
      result = BigInt(verdict.retval);
    }
    if (result === 0n && body === undefined) return { result: undefined, fired };
    if (result === 0n) result = BigInt.asIntN(64, body?.(args) ?? 0n);
    fired.push(...this.#typed.trace_fexit.fire(words([...shown, result]), { ...passing, returns: true }));
    const after = ptRegs.encode({ ax: BigInt.asUintN(64, result), ip: functionAddress });
    fired.push(...this.exit.fire(after, { functionAddress }));
    return { result, fired };
  }
}

function words(values: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values, (value) => BigInt.asUintN(64, value)).buffer);
}
