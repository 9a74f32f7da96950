import type { Btf } from '../../../btf/index.ts';
import type { DynptrKind } from './dynptr-kind.ts';
import type { Int64 } from './int64.ts';
import type { MapToVerify } from './program.ts';
import { Scalar, UNKNOWN_SCALAR, ZERO_SCALAR } from './scalar.ts';

/** What a register holds. Those of enum bpf_reg_type of Linux 6.18, without PTR_TO_. */
export type RegKind =
  | 'not_init'
  | 'scalar'
  | 'ctx'
  | 'map_ptr'
  | 'map_value'
  | 'map_key'
  | 'stack'
  | 'packet_meta'
  | 'packet'
  | 'packet_end'
  | 'flow_keys'
  | 'socket'
  | 'sock_common'
  | 'tcp_sock'
  | 'xdp_sock'
  | 'tp_buffer'
  | 'btf_id'
  | 'mem'
  | 'arena'
  | 'buf'
  | 'func'
  | 'dynptr';

// What is known of a pointer besides its kind: enum bpf_type_flag.
export const MAYBE_NULL = 1 << 0;
export const RDONLY = 1 << 1;
/** A record of a ring buffer. */
export const RINGBUF = 1 << 2;
export const USER = 1 << 3;
export const PERCPU = 1 << 4;
export const UNTRUSTED = 1 << 5;
/** An object that the program made, by bpf_obj_new. */
export const ALLOC = 1 << 6;
export const TRUSTED = 1 << 7;
export const RCU = 1 << 8;
/** To an object that is in a list or tree. */
export const NON_OWN_REF = 1 << 9;
/** Of a dynptr of a packet, which changes of the packet make invalid. */
export const PACKET_SLICE = 1 << 10;

export interface IterState {
  readonly btf: Btf;
  readonly btfId: number;
  readonly state: 'active' | 'drained';
  /** How often it was asked for the next. */
  readonly depth: number;
}

/** A packet pointer is at the end, or beyond it: nothing may be read there. */
export const AT_PKT_END = -1;
export const BEYOND_PKT_END = -2;

/**
 * What is known of a register, or of a spilled one. Never changed: states share them. `num` is, of a pointer, the variable part of its offset.
 */
export class Reg {
  readonly kind: RegKind = 'not_init';
  readonly flags: number = 0;
  /** The fixed part of a pointer's offset. Of a scalar with `added`: what was added to the number that `id` names. */
  readonly off: number = 0;
  readonly num: Scalar = ZERO_SCALAR;
  /** The same for copies of one value; 0: of no interest. */
  readonly id: number = 0;
  /** A scalar is the one that `id` names, plus `off`: as a 64-bit, or as a 32-bit number; 0: it is that one. */
  readonly added: 0 | 32 | 64 = 0;
  /** The reference that it holds, or is a part of; 0: none. */
  readonly refObjId: number = 0;
  /** The number matters to what was found safe. */
  readonly precise: boolean = false;
  readonly map: MapToVerify | undefined = undefined;
  /** Of maps within maps: which one. */
  readonly mapUid: number = 0;
  readonly memSize: number = 0;
  readonly btf: Btf | undefined = undefined;
  readonly btfId: number = 0;
  /** Bytes of a packet behind the pointer that are there; or AT_PKT_END, BEYOND_PKT_END. */
  readonly range: number = 0;
  /** Of stack pointers. */
  readonly frameno: number = 0;
  readonly subprogno: number = 0;
  readonly dynptr: { readonly kind: DynptrKind; readonly first: boolean } | undefined = undefined;
  /** The dynptr that memory belongs to. */
  readonly dynptrId: number = 0;
  readonly iter: IterState | undefined = undefined;
  /** The interrupt flags of bpf_local_irq_save (`native`) or of a lock. */
  readonly irqClass: 'native' | 'lock' | undefined = undefined;

  static scalar(num: Scalar): Reg {
    const reg = new Reg();
    const draft: Draft = reg;
    draft.kind = 'scalar';
    draft.num = num;
    return reg;
  }

  static known(value: Int64): Reg {
    return Reg.scalar(Scalar.known(value));
  }

  /** An int32, sign-extended. */
  static int(value: number): Reg {
    return Reg.scalar(Scalar.int(value));
  }

  static pointer(kind: RegKind, rest: Partial<RegFields> = {}): Reg {
    return new Reg().#set({ ...rest, kind });
  }

  with(changes: Partial<RegFields>): Reg {
    return new Reg(this).#set(changes);
  }

  // What changes with nearly every instruction has a quicker way.

  withOff(off: number): Reg {
    const reg = new Reg(this);
    const draft: Draft = reg;
    draft.off = off;
    return reg;
  }

  withId(id: number): Reg {
    const reg = new Reg(this);
    const draft: Draft = reg;
    draft.id = id;
    return reg;
  }

  withNum(num: Scalar): Reg {
    const reg = new Reg(this);
    const draft: Draft = reg;
    draft.num = num;
    return reg;
  }

  /** Another number, which nothing is a copy of. */
  withResult(num: Scalar): Reg {
    const reg = new Reg(this);
    const draft: Draft = reg;
    draft.num = num;
    draft.id = draft.added = draft.off = 0;
    return reg;
  }

  withPrecise(precise: boolean): Reg {
    const reg = new Reg(this);
    const draft: Draft = reg;
    draft.precise = precise;
    return reg;
  }

  constructor(like?: Reg) {
    if (like === undefined) return;
    this.kind = like.kind;
    this.flags = like.flags;
    this.off = like.off;
    this.num = like.num;
    this.id = like.id;
    this.added = like.added;
    this.refObjId = like.refObjId;
    this.precise = like.precise;
    this.map = like.map;
    this.mapUid = like.mapUid;
    this.memSize = like.memSize;
    this.btf = like.btf;
    this.btfId = like.btfId;
    this.range = like.range;
    this.frameno = like.frameno;
    this.subprogno = like.subprogno;
    this.dynptr = like.dynptr;
    this.dynptrId = like.dynptrId;
    this.iter = like.iter;
    this.irqClass = like.irqClass;
  }

  #set(changes: Partial<RegFields>): this {
    return Object.assign(this, changes);
  }

  get isScalar(): boolean {
    return this.kind === 'scalar';
  }

  get isPointer(): boolean {
    return this.kind !== 'scalar' && this.kind !== 'not_init';
  }

  get mayBeNull(): boolean {
    return (this.flags & MAYBE_NULL) !== 0;
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  get isNull(): boolean {
    return this.kind === 'scalar' && this.num.isZero;
  }

  get isConst(): boolean {
    return this.kind === 'scalar' && this.num.isConst;
  }

  get isPacket(): boolean {
    return this.kind === 'packet' || this.kind === 'packet_meta';
  }

  get isAnyPacket(): boolean {
    return this.kind === 'packet' || this.kind === 'packet_meta' || this.kind === 'packet_end';
  }

  get isSocket(): boolean {
    return (
      this.kind === 'socket' || this.kind === 'sock_common' || this.kind === 'tcp_sock' || this.kind === 'xdp_sock'
    );
  }

  /** An object that the program made. */
  get isAllocated(): boolean {
    return this.kind === 'btf_id' && this.has(ALLOC);
  }

  get isNonOwning(): boolean {
    return this.isAllocated && this.has(NON_OWN_REF);
  }

  /** Without the link to copies of it. */
  unlinked(): Reg {
    return this.id === 0 && this.added === 0 && this.off === 0 ? this : this.with({ id: 0, added: 0, off: 0 });
  }
}

export const NOT_INIT = new Reg();
/** A number, and any. */
export const UNKNOWN = Reg.scalar(UNKNOWN_SCALAR);
export const KNOWN_ZERO = Reg.scalar(ZERO_SCALAR);

export type RegFields = Omit<
  Reg,
  | 'with'
  | 'withNum'
  | 'withOff'
  | 'withId'
  | 'withResult'
  | 'withPrecise'
  | 'has'
  | 'unlinked'
  | 'isScalar'
  | 'isPointer'
  | 'mayBeNull'
  | 'isNull'
  | 'isConst'
  | 'isPacket'
  | 'isAnyPacket'
  | 'isSocket'
  | 'isAllocated'
  | 'isNonOwning'
>;

/** One that is being made. */
type Draft = { -readonly [Field in keyof RegFields]: RegFields[Field] };

/** Whether all but their ids and references is the same, as for loops without end. */
export function sameButIds(a: Reg, b: Reg): boolean {
  if (a === b) return true;
  return (
    a.kind === b.kind &&
    a.flags === b.flags &&
    a.off === b.off &&
    a.map === b.map &&
    a.mapUid === b.mapUid &&
    a.memSize === b.memSize &&
    a.btf === b.btf &&
    a.btfId === b.btfId &&
    a.range === b.range &&
    a.subprogno === b.subprogno &&
    a.dynptrId === b.dynptrId &&
    a.dynptr?.kind === b.dynptr?.kind &&
    a.dynptr?.first === b.dynptr?.first &&
    a.iter?.btfId === b.iter?.btfId &&
    a.iter?.state === b.iter?.state &&
    a.iter?.depth === b.iter?.depth &&
    a.num.equals(b.num)
  );
}
