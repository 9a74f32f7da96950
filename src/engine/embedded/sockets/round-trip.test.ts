import { describe, expect, it } from 'vitest';
import { RoundTrip } from './round-trip.ts';

const MS = 1_000_000n;
type Row = readonly [name: string, run: (trip: RoundTrip) => unknown, want: unknown];

// biome-ignore format: one scenario a row
const rows: readonly Row[] = [
  ['the first is taken as it is', (t) => { t.sent(10, 0n); return [t.acknowledged(10, 2n * MS, undefined), t.smoothed]; }, [2000, 16000]],
  ['others count an eighth', (t) => { t.sent(10, 0n); t.acknowledged(10, 2n * MS, undefined); t.sent(20, 0n); return [t.acknowledged(20, 10n * MS, undefined), t.smoothed]; }, [10_000, 24_000]],
  ['of several, the one that was sent first', (t) => { t.sent(10, 0n); t.sent(20, MS); t.sent(30, 2n * MS); return [t.acknowledged(20, 3n * MS, undefined), t.acknowledged(30, 3n * MS, undefined)]; }, [3000, 1000]],
  ['no time at all is something known', (t) => { t.sent(10, 0n); return [t.acknowledged(10, 0n, undefined), t.smoothed]; }, [0, 1]],
  ['part of a segment says nothing', (t) => { t.sent(10, 0n); return [t.acknowledged(5, MS, undefined), t.smoothed]; }, [undefined, 0]],
  ['what was sent twice says nothing by itself', (t) => { t.sent(10, 0n); t.sentAgain(10); return [t.acknowledged(10, 5n * MS, undefined), t.smoothed]; }, [undefined, 0]],
  ['but by the time that comes back', (t) => { t.sent(10, 0n); t.sentAgain(10); return t.acknowledged(10, 5n * MS, 2); }, 3000],
  ['which is a millisecond at least', (t) => { t.sent(10, 0n); t.sentAgain(10); return t.acknowledged(10, 5n * MS, 5); }, 1000],
  ['what follows is measured as before', (t) => { t.sent(10, 0n); t.sentAgain(10); t.acknowledged(10, MS, undefined); t.sent(20, MS); return t.acknowledged(20, 2n * MS, undefined); }, 1000],
  ['numbers go round', (t) => { t.sent(5, 0n); return [t.acknowledged(0xffff_fff0, MS, undefined), t.acknowledged(5, MS, undefined)]; }, [undefined, 1000]],
];

describe('round trips', () => {
  it.for(rows)('%s', ([, run, want]) => expect(run(new RoundTrip())).toEqual(want));
});
