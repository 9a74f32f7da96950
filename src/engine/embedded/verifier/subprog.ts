import type { SubprogArg } from './subprog-args.ts';

/** A function of the program. */
export interface Subprog {
  readonly start: number;
  end: number;
  /** As its BTF says. */
  name: string;
  isGlobal: boolean;
  hasTailCall: boolean;
  hasPacketLoad: boolean;
  isCallback: boolean;
  isAsyncCallback: boolean;
  isExceptionCallback: boolean;
  changesPacket: boolean;
  mightSleep: boolean;
  tailCallReachable: boolean;
  /** A global function that some path calls. */
  called: boolean;
  /** It was checked by itself. */
  verified: boolean;
  /** Bytes. */
  stackDepth: number;
  /** What a global function takes; worked out once. */
  args: readonly SubprogArg[] | undefined;
  /** Below it, slots only save registers around calls that clobber nothing. */
  fastcallStack: number;
  keepFastcallStack: boolean;
}

export function createSubprog(start: number): Subprog {
  return {
    start,
    end: start,
    name: '',
    isGlobal: false,
    hasTailCall: false,
    hasPacketLoad: false,
    isCallback: false,
    isAsyncCallback: false,
    isExceptionCallback: false,
    changesPacket: false,
    mightSleep: false,
    tailCallReachable: false,
    called: false,
    verified: false,
    stackDepth: 0,
    args: undefined,
    fastcallStack: 0,
    keepFastcallStack: false,
  };
}
