/** What is known of a register at some point, on every way there. */
export type Value =
  /** Two signed words. */
  | { readonly kind: 'const'; readonly low: number; readonly high: number }
  /** The address of the end of the function's own stack, plus `off`. */
  | { readonly kind: 'stack'; readonly off: number }
  /** The address of the context. */
  | { readonly kind: 'context' }
  /** Another address, or 0. Addresses are below 2^32, and stay so: what a safe program adds to one does not lead out of the memory. */
  | { readonly kind: 'pointer' }
  /** A number below 2^bits. */
  | { readonly kind: 'number'; readonly bits: number };

export const POINTER: Value = { kind: 'pointer' };
export const CONTEXT: Value = { kind: 'context' };
const NUMBERS: readonly Value[] = Array.from({ length: 65 }, (_, bits) => ({ kind: 'number', bits }));

export function constant(low: number, high: number): Value {
  return { kind: 'const', low: low | 0, high: high | 0 };
}

export function number(bits: number): Value {
  return NUMBERS[Math.min(Math.max(bits, 0), 64)] as Value; // there are 65
}

/** A number of which nothing is known. */
export const ANYTHING = number(64);

/** How many of its low bits may be set. */
export function bitsOf(value: Value): number {
  switch (value.kind) {
    case 'const':
      return value.high !== 0 ? 64 - Math.clz32(value.high) : 32 - Math.clz32(value.low);
    case 'number':
      return value.bits;
    case 'stack':
    case 'context':
    case 'pointer':
      return 32;
  }
}

/** Whether the high word is 0. */
export function isNarrow(value: Value): boolean {
  return bitsOf(value) <= 32;
}

export function isAddress(value: Value): boolean {
  return value.kind === 'pointer' || value.kind === 'stack' || value.kind === 'context';
}

export function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a.kind === 'const') return b.kind === 'const' && a.low === b.low && a.high === b.high;
  if (a.kind === 'stack') return b.kind === 'stack' && a.off === b.off;
  if (a.kind === 'number') return b.kind === 'number' && a.bits === b.bits;
  return a.kind === b.kind;
}

/** What holds of both. */
export function joinValues(a: Value, b: Value): Value {
  if (sameValue(a, b)) return a;
  if (isAddress(a) && (isAddress(b) || isZero(b))) return POINTER;
  if (isAddress(b) && isZero(a)) return POINTER;
  return number(Math.max(bitsOf(a), bitsOf(b)));
}

function isZero(value: Value): boolean {
  return value.kind === 'const' && value.low === 0 && value.high === 0;
}

export function big({ low, high }: { readonly low: number; readonly high: number }): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

export function ofBig(value: bigint): Value {
  return constant(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
}
