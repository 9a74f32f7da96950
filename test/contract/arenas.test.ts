import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { onNothing } from './arena-insns.ts';
import { arenas } from './arenas.ts';
import { Session } from './session.ts';

// On Linux the same: arenas.netns.ts.
describe.each([
  ['arenas, on embedded', 'on'],
  ['arenas, on embedded, interpreted', 'off'],
] as const)('%s', (_name, jit) => {
  const { kernel } = createEmbeddedKernel({ jit });
  arenas(kernel);

  // Linux leaves all bits, though its verifier reckons with these.
  it.each([
    ['w4 = load_acquire((u8 *)(r7 + 0))', 'f5'],
    ['w4 = load_acquire((u16 *)(r7 + 0))', 'f3f5'],
    ['w4 = load_acquire((u32 *)(r7 + 0))', 'f1f2f3f5'],
    ['w4 = xchg32_32(r7 + 0, w4)', 'f1f2f3f5'],
    ['r4 = xchg_64(r7 + 0, r4)', '1f1f2f3f5'],
  ])('what is not there leaves the bits that the verifier reckons with: %s', (insn, want) => {
    using session = new Session(kernel);
    expect(onNothing(session, insn, '0x1f1f2f3f5 ll')).toBe(`3 ${want}`);
  });
});
