import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { fromHex } from '../../../bytes/hex.ts';
import { decodeInsns } from '../../../isa/index.ts';
import { type ProgType, progTypeNumber } from '../../../uapi/bpf.ts';
import { checkShape, checkUse } from './check.ts';
import { isGplCompatible } from './license.ts';
import type { Rejection } from './rejection.ts';
import { PROG_TYPE_BY_NUMBER } from './table.ts';

/** Programs with the verdict of Linux 6.18, kept beside the repository because they are other people's. */
const directory = resolve(import.meta.dirname, '../../../../../shared/vectors/verifier');
const there = existsSync(directory);
if (!there) console.log(`skipped: the verdicts of Linux are not there (${directory})`);

interface Vector {
  readonly id: string;
  readonly prog_type: number | string;
  readonly license?: string;
  readonly expected_attach_type?: number | null;
  readonly insns: string | readonly string[] | null;
}
interface Truth {
  readonly id: string;
  readonly status: string;
  readonly verdict: string;
  readonly errno: number;
  readonly last_msg: string | null;
}

/** What only following values can tell: the kernel never comes to the instruction that is refused here, or finds another fault first. */
const BEYOND_SHAPE = [
  /^progs\/exceptions_fail\/reject_exception_cb_type_/,
  /^progs\/verifier_(linked_scalars|subreg|map_in_map|bounds)\//,
];

function check(vector: Vector): Rejection | undefined {
  const number =
    typeof vector.prog_type === 'number'
      ? vector.prog_type
      : progTypeNumber[vector.prog_type.replace('BPF_PROG_TYPE_', '').toLowerCase() as ProgType]; // a name of the table, or undefined
  const type = PROG_TYPE_BY_NUMBER.get(number);
  const hex = typeof vector.insns === 'string' ? vector.insns : (vector.insns ?? []).join('');
  if (type === undefined || hex === '') return undefined;
  const insns = decodeInsns(fromHex(hex) ?? new Uint8Array(0));
  const gpl = isGplCompatible(vector.license ?? 'GPL');
  return checkShape(insns) ?? checkUse(insns, { type, attachType: vector.expected_attach_type ?? 0, gpl });
}

it.skipIf(!there)('refuses no program for its shape that Linux accepts, and the others with the same words', () => {
  const read = (name: string) => JSON.parse(readFileSync(resolve(directory, name), 'utf8'));
  const truths = new Map<string, Truth>(read('ground_truth.json').results.map((truth: Truth) => [truth.id, truth]));
  const names = ['vectors-test_verifier.json', 'vectors-progs.json', 'vectors-functional.json'];
  const vectors = names.flatMap((name): Vector[] => read(name).vectors);
  let agreed = 0;
  const different: string[] = [];
  for (const vector of vectors) {
    const truth = truths.get(vector.id);
    const found = truth?.status === 'ok' ? check(vector) : undefined;
    if (truth === undefined || found === undefined || BEYOND_SHAPE.some((pattern) => pattern.test(vector.id))) continue;
    // Helpers, kernel functions and arenas that are not there yet.
    if (/cannot use helper|calling kernel function|associated arena/.test(found.message)) continue;
    if (truth.verdict === 'REJECT' && truth.last_msg === found.message && truth.errno === found.errno) agreed++;
    else different.push(`${vector.id}: ${found.message}; Linux: ${truth.verdict} ${truth.last_msg}`);
  }
  expect(different).toEqual([]);
  expect(agreed).toBeGreaterThan(20);
});
