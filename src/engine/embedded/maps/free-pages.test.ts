import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FreePages } from './free-pages.ts';

/** The same by a list of runs, the latest first. */
class Model {
  readonly free: boolean[];
  #runs: { first: number; count: number }[];

  constructor(pages: number, free: number) {
    this.free = Array.from({ length: pages }, (_, page) => page < free);
    this.#runs = free === 0 ? [] : [{ first: 0, count: free }];
  }

  find(count: number): number {
    const fits = this.#runs.filter((run) => run.count >= count);
    const least = Math.min(...fits.map((run) => run.count));
    return fits.find((run) => run.count === least)?.first ?? -1;
  }

  change(first: number, count: number, free: boolean): void {
    if (free && this.free.slice(first, first + count).every((is) => is)) return;
    for (let page = first; page < first + count; page++) this.free[page] = free;
    const now = this.#now();
    const isNew = (run: { first: number; count: number }) =>
      !this.#runs.some((old) => old.first === run.first && old.count === run.count);
    this.#runs = [
      ...now.filter(isNew).reverse(),
      ...this.#runs.filter((old) => now.some((run) => run.first === old.first && run.count === old.count)),
    ];
  }

  #now(): { first: number; count: number }[] {
    const runs: { first: number; count: number }[] = [];
    this.free.forEach((is, page) => {
      const last = runs.at(-1);
      if (!is) return;
      if (last !== undefined && last.first + last.count === page) last.count++;
      else runs.push({ first: page, count: 1 });
    });
    return runs;
  }
}

it('finds the shortest run that is long enough, of several the latest', () => {
  const step = fc.record({
    kind: fc.constantFrom('take', 'give', 'find'),
    first: fc.nat(130),
    count: fc.integer({ min: 1, max: 40 }),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 130 }),
      fc.nat(130),
      fc.array(step, { maxLength: 60 }),
      (pages, some, steps) => {
        const all = Math.min(some, pages);
        const [free, model] = [new FreePages(pages, all), new Model(pages, all)];
        for (const { kind, first, count } of steps) {
          if (kind === 'find') {
            const found = free.find(count);
            expect(found).toBe(model.find(count));
            if (found < 0) continue;
            free.take(found, count);
            model.change(found, count, false);
          } else if (first + count <= pages) {
            free[kind](first, count);
            model.change(first, count, kind === 'give');
          }
          for (let page = 0; page < pages; page++) expect(free.isFree(page, 1)).toBe(model.free[page]);
        }
      },
    ),
    { seed: 1, numRuns: 300 },
  );
});

it.each([1, 31, 32, 33, 64, 1 << 19])('%i pages, all of them at once', (pages) => {
  const free = new FreePages(pages, pages);
  expect(free.find(pages)).toBe(0);
  expect(free.find(pages + 1)).toBe(-1);
  expect(free.isFree(0, pages)).toBe(true);
  free.take(0, pages);
  expect(free.find(1)).toBe(-1);
  free.give(0, pages);
  expect(free.find(pages)).toBe(0);
});

it('every other page of many takes no longer than a moment', () => {
  const pages = 1 << 17;
  const free = new FreePages(pages, pages);
  for (let page = 0; page < pages; page += 2) free.take(page, 1);
  expect(free.find(2)).toBe(-1);
  expect(free.find(1)).toBe(pages - 1);
  for (let page = 0; page < pages; page += 2) free.give(page, 1);
  expect(free.find(pages)).toBe(0);
});
