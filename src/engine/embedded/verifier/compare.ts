import type { Env } from './env.ts';
import { type Reg, sameButIds, UNKNOWN } from './reg.ts';
import {
  DYNPTR,
  EMPTY_SLOT,
  INVALID,
  IRQ_FLAG,
  ITER,
  isVague,
  isWholeScalar,
  MISC,
  type Slot,
  SPILL,
  typeOf,
} from './stack-slot.ts';
import type { Frame, State } from './state.ts';

/** How near a state has to be to one that was kept. */
export type Exactness =
  /** What is not precise may be anything. */
  | 'loose'
  /** The same, but for the names of ids. */
  | 'exact'
  /** Every number within what it was. */
  | 'within';

/** Which id of one state is which of the other. */
export class IdMap {
  // A handful, nearly always: a search is quicker than a Map, and than making one.
  readonly #old: number[] = [];
  readonly #now: number[] = [];
  #count = 0;
  #nextTemporary = 0;

  /** Forgets all. `lastId`: above it no state has any. */
  restart(lastId: number): this {
    this.#count = 0;
    this.#nextTemporary = lastId;
    return this;
  }

  match(old: number, now: number): boolean {
    for (let i = 0; i < this.#count; i++) {
      if (this.#old[i] === old) return this.#now[i] === now;
      if (this.#now[i] === now) return false;
    }
    this.#old[this.#count] = old;
    this.#now[this.#count++] = now;
    return true;
  }

  /** An id that nothing has. */
  temporary(): number {
    return ++this.#nextTemporary;
  }
}

function checkIds(old: number, now: number, ids: IdMap): boolean {
  if ((old !== 0) !== (now !== 0)) return false;
  return old === 0 || ids.match(old, now);
}

/** A number without copies may stand where one with copies did: less was known of it then. */
function checkScalarIds(old: Reg, now: Reg, ids: IdMap): boolean {
  if (old.id === 0) return true;
  const current = now.id === 0 ? ids.temporary() : now.id;
  return (
    checkIds(key(old.id, old.added), key(current, now.added), ids) &&
    (old.added === 0 || checkIds(old.id, current, ids))
  );
}

/** With the constant that was added it is another number. */
function key(id: number, added: Reg['added']): number {
  return added === 0 ? id : added === 64 ? -id : -id - 0.5;
}

export function statesEqual(env: Env, old: State, now: State, exactness: Exactness): boolean {
  if (old.curframe !== now.curframe || old.inSleepable !== now.inSleepable) return false;
  const ids = env.ids.restart(env.lastId);
  if (!referencesEqual(old, now, ids)) return false;
  for (let i = 0; i < old.frames.length; i++) {
    const frame = old.frames[i];
    const other = now.frames[i];
    if (frame === undefined || other === undefined || frame.callsite !== other.callsite) return false;
    if (!framesEqual(frame, other, env.facts.liveRegs[old.insnOf(i)] ?? 0, ids, exactness)) return false;
  }
  return true;
}

function referencesEqual(old: State, now: State, ids: IdMap): boolean {
  if (
    old.references.length !== now.references.length ||
    old.activePreempt !== now.activePreempt ||
    old.activeLocks !== now.activeLocks ||
    old.activeRcu !== now.activeRcu ||
    !checkIds(old.activeIrqId, now.activeIrqId, ids) ||
    !checkIds(old.activeLockId, now.activeLockId, ids) ||
    old.activeLockHolder !== now.activeLockHolder
  )
    return false;
  for (let i = 0; i < old.references.length; i++) {
    const [a, b] = [old.references[i], now.references[i]];
    if (a === undefined || b === undefined || !checkIds(a.id, b.id, ids)) return false;
    if (a.kind !== b.kind || a.holder !== b.holder) return false;
  }
  return true;
}

function framesEqual(old: Frame, now: Frame, live: number, ids: IdMap, exactness: Exactness): boolean {
  if (old.callbackDepth > now.callbackDepth) return false;
  for (let reg = 0; reg < 11; reg++)
    if (((1 << reg) & live) !== 0 && !regSafe(old.reg(reg), now.reg(reg), ids, exactness)) return false;
  return stackSafe(old, now, ids, exactness);
}

/** Whether what was safe with `old` is safe with `now`. */
function regSafe(old: Reg, now: Reg, ids: IdMap, exactness: Exactness): boolean {
  if (exactness === 'exact') return sameButIds(old, now) && idsEqual(old, now, ids);
  if (old.kind === 'not_init') return exactness === 'loose' || now.kind === 'not_init';
  if (old.kind !== now.kind || old.flags !== now.flags) return false;
  switch (old.kind) {
    case 'scalar':
      if (!old.precise && exactness === 'loose') return true;
      if (old.added !== now.added && (old.added !== 0 || old.id !== 0)) return false;
      if (old.added !== 0 && old.off !== now.off) return false;
      return checkScalarIds(old, now, ids) && old.num.contains(now.num);
    case 'map_key':
    case 'map_value':
    case 'mem':
    case 'buf':
    case 'tp_buffer':
      return (
        old.off === now.off &&
        old.map === now.map &&
        old.mapUid === now.mapUid &&
        old.memSize === now.memSize &&
        old.dynptrId === now.dynptrId &&
        old.num.contains(now.num) &&
        checkIds(old.id, now.id, ids) &&
        checkIds(old.refObjId, now.refObjId, ids)
      );
    case 'packet':
    case 'packet_meta':
      if (old.range < 0 || now.range < 0 ? old.range !== now.range : old.range > now.range) return false;
      return old.off === now.off && checkIds(old.id, now.id, ids) && old.num.contains(now.num);
    case 'stack':
      return sameButIds(old, now) && idsEqual(old, now, ids) && old.frameno === now.frameno;
    case 'arena':
      return true;
    default:
      return sameButIds(old, now) && idsEqual(old, now, ids);
  }
}

export function idsEqual(old: Reg, now: Reg, ids: IdMap): boolean {
  return checkIds(old.id, now.id, ids) && checkIds(old.refObjId, now.refObjId, ids);
}

function stackSafe(old: Frame, now: Frame, ids: IdMap, exactness: Exactness): boolean {
  for (let spi = 0; spi < old.stack.length; spi++) {
    const before = old.slot(spi);
    const isThere = spi < now.stack.length;
    const after = isThere ? now.slot(spi) : EMPTY_SLOT;
    // Nobody asks what is in such bytes, and they are the same.
    if (isVague(before.types) && (exactness === 'loose' || before.types === (isThere ? after.types : -1))) continue;
    if (!slotSafe(before, after, isThere, ids, exactness)) return false;
  }
  return true;
}

function slotSafe(before: Slot, after: Slot, isThere: boolean, ids: IdMap, exactness: Exactness): boolean {
  if (exactness !== 'loose' && (!isThere || before.types !== after.types)) return false;
  const oldScalar = scalarOf(before);
  const newScalar = scalarOf(after);
  for (let byte = 0; byte < 8; byte++) {
    const type = typeOf(before, byte);
    const other = typeOf(after, byte);
    if (type === INVALID || type === MISC) continue;
    if (!isThere) return false;
    if (oldScalar !== undefined && newScalar !== undefined) return regSafe(oldScalar, newScalar, ids, exactness);
    if (type !== other) return false;
    if (byte !== 7) continue;
    if (type === SPILL) return regSafe(before.reg, after.reg, ids, exactness);
    if (type === DYNPTR)
      return (
        before.reg.dynptr?.kind === after.reg.dynptr?.kind &&
        before.reg.dynptr?.first === after.reg.dynptr?.first &&
        checkIds(before.reg.refObjId, after.reg.refObjId, ids)
      );
    if (type === ITER) return iteratorsEqual(before.reg, after.reg, ids);
    if (type === IRQ_FLAG)
      return checkIds(before.reg.refObjId, after.reg.refObjId, ids) && before.reg.irqClass === after.reg.irqClass;
  }
  return true;
}

function iteratorsEqual(before: Reg, after: Reg, ids: IdMap): boolean {
  return (
    before.kind === after.kind &&
    before.flags === after.flags &&
    before.iter?.btf === after.iter?.btf &&
    before.iter?.btfId === after.iter?.btfId &&
    before.iter?.state === after.iter?.state &&
    checkIds(before.refObjId, after.refObjId, ids)
  );
}

/** What eight bytes are as one number; `undefined`: they are not. */
function scalarOf(slot: Slot): Reg | undefined {
  if (isWholeScalar(slot)) return slot.reg;
  return isVague(slot.types) ? UNKNOWN : undefined;
}
