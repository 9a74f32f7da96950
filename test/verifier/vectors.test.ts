import { describe, expect, it } from 'vitest';
import { verify } from '../../src/engine/embedded/verifier/verify.ts';
import { areVectorsThere, readVectors, VECTORS } from '../support/verifier-vectors.ts';
import { DIFFERENCES } from './differences.ts';

/** Programs of hundreds of thousands of steps are followed only if asked for: SKEP_ALL_VECTORS=1. */
const FEW_STEPS = process.env.SKEP_ALL_VECTORS === undefined ? 120_000 : Number.MAX_SAFE_INTEGER;

if (!areVectorsThere)
  console.log(`skipped: the verdicts of Linux are not there (${VECTORS}), or this is no Linux with BTF`);

describe.skipIf(!areVectorsThere)('programs that Linux 6.18 was asked about', () => {
  const cases = areVectorsThere ? readVectors() : [];
  const verdicts = new Map<string, { readonly accepted: boolean; readonly message: string | undefined }>();
  let sameMessage = 0;
  let sameSteps = 0;
  for (const { id, truth, program } of cases) {
    if (typeof program === 'string' || truth.insns_processed > FEW_STEPS) continue;
    const { errno, message, insnsProcessed } = verify(program);
    verdicts.set(id, { accepted: errno === 0, message });
    if (errno !== 0 && message === truth.last_msg) sameMessage++;
    if (errno === 0 && insnsProcessed === truth.insns_processed) sameSteps++;
  }
  const different = cases.flatMap(({ id, truth }) => {
    const found = verdicts.get(id);
    if (found === undefined || found.accepted === (truth.verdict === 'ACCEPT')) return [];
    return [`${id}: ${found.accepted ? 'accepted' : 'refused'}`];
  });

  it('get the same verdict, but for those that are listed', () => {
    expect(different.sort()).toEqual(Object.keys(DIFFERENCES).sort());
  });

  it('are refused with the same words, nearly always', () => {
    const refused = cases.filter(({ id, truth }) => truth.verdict === 'REJECT' && verdicts.has(id)).length;
    expect(sameMessage / refused).toBeGreaterThan(0.98);
  });

  it('take the same number of steps, nearly always', () => {
    const accepted = cases.filter(({ id, truth }) => truth.verdict === 'ACCEPT' && verdicts.has(id)).length;
    expect(sameSteps / accepted).toBeGreaterThan(0.99);
  });
});
