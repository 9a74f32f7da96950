import fc from 'fast-check';
import { expect, it } from 'vitest';
import { WasmBytes } from './wasm-bytes.ts';

const RUNS = { seed: 7, numRuns: 500 };

/** What LEB128 says, and how many bytes it took. */
function decode(bytes: Uint8Array, signed: boolean): { value: bigint; length: number } {
  let value = 0n;
  let shift = 0n;
  for (const [i, byte] of bytes.entries()) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte & 0x80) continue;
    return { value: signed && byte & 0x40 ? value - (1n << shift) : value, length: i + 1 };
  }
  throw new Error('no end');
}

const edges = [0, 1, 63, 64, 127, 128, 0x7fffffff, -1, -64, -65, -128, -0x80000000];
const word = fc.oneof(fc.constantFrom(...edges), fc.integer());

it('numbers are LEB128 in as few bytes as they take', () => {
  fc.assert(
    fc.property(word, (number) => {
      const [unsigned, signed] = [new WasmBytes(), new WasmBytes()];
      unsigned.unsigned(number);
      signed.signed32(number);
      expect(decode(unsigned.bytes, false)).toEqual({ value: BigInt(number >>> 0), length: unsigned.length });
      expect(decode(signed.bytes, true)).toEqual({ value: BigInt(number), length: signed.length });
    }),
    RUNS,
  );
});

it('numbers of 64 bits, too', () => {
  fc.assert(
    fc.property(word, word, (low, high) => {
      const bytes = new WasmBytes();
      bytes.signed64(low, high);
      const value = (BigInt(high) << 32n) | BigInt(low >>> 0);
      expect(decode(bytes.bytes, true)).toEqual({ value, length: bytes.length });
    }),
    RUNS,
  );
});

it('grows with what is written', () => {
  const bytes = new WasmBytes();
  for (let i = 0; i < 1000; i++) bytes.byte(i & 0xff);
  bytes.sized(new Uint8Array(5000).fill(7));
  expect([bytes.length, bytes.bytes[999], bytes.bytes.at(-1)]).toEqual([1000 + 2 + 5000, 999 & 0xff, 7]);
});
