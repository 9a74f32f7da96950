import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../../bytes/hex.ts';
import { decodeInsns, encodeInsns, ldImm64 } from '../../../isa/index.ts';
import { Machine } from '../machine.ts';
import { verify } from '../verifier/verify.ts';
import { decodeProgram } from './code.ts';
import { interpreterOf } from './interpreter.ts';

/** Vectors of the ISA conformance suite, kept beside the repository because they are other people's. */
const FILES = ['vectors-1.json', 'vectors-2.json'].map((name) =>
  resolve(import.meta.dirname, '../../../../../shared/vectors/conformance', name),
);
const missing = FILES.find((file) => !existsSync(file));
if (missing !== undefined) console.log(`skipped: the conformance vectors are not there (${missing})`);

interface Vector {
  readonly id: string;
  readonly groups: readonly string[];
  readonly mem: string | null;
  readonly insns: readonly string[] | null;
  readonly expect: { readonly r0: string | null; readonly error: string | null };
}

const vectors: Vector[] =
  missing === undefined ? FILES.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')).vectors) : [];

/** Vectors that are about another thing than Linux's instruction set. */
const NOT_LINUX = (vector: Vector) =>
  vector.groups.includes('callx') || vector.insns === null || vector.insns.length === 0;

const machine = new Machine();
const bytesOf = (hex: readonly string[] | null) => fromHex((hex ?? []).join('')) ?? new Uint8Array(0);

describe.skipIf(missing !== undefined)('conformance', () => {
  const valid = vectors.filter((vector) => !NOT_LINUX(vector) && vector.expect.r0 !== null);
  it('has vectors', () => {
    expect(valid.length).toBeGreaterThan(250);
  });

  it.each(valid.map((vector) => [vector.id, vector] as const))('%s', (_id, vector) => {
    const input = fromHex((vector.mem ?? '').replace(/\s/g, '')) ?? new Uint8Array(0);
    const memory = machine.memory.alloc(Math.max(input.length, 8));
    machine.memory.u8.set(input, memory);
    const length = encodeInsns(ldImm64(2, BigInt(input.length)));
    const program = new Uint8Array([...length, ...bytesOf(vector.insns)]);
    const { value, high, fault } = interpreterOf(machine).runCode(decodeProgram(program), memory);
    machine.memory.free(memory);
    expect(fault).toBeUndefined();
    const r0 = BigInt.asUintN(64, (BigInt(high) << 32n) | BigInt(value >>> 0));
    expect(`0x${r0.toString(16)}`).toBe(vector.expect.r0);
  });

  // The others expect something of the program that runs the suite.
  const invalid = vectors.filter((vector) => !NOT_LINUX(vector) && vector.id.startsWith('conf-neg/unused-'));
  it.each(invalid.map((vector) => [vector.id, vector] as const))('%s is refused', (_id, vector) => {
    const insns = decodeInsns(bytesOf(vector.insns));
    const { errno } = verify({
      insns,
      type: 'sched_cls',
      attachType: 0,
      flags: 0,
      gpl: true,
      maps: new Map(),
      usedMaps: [],
      cpus: 2,
    });
    expect(errno).not.toBe(0);
  });
});
