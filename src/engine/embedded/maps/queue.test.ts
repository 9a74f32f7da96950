import fc from 'fast-check';
import { expect, it } from 'vitest';
import { mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { Machine } from '../machine.ts';
import { queue, stack } from './queue.ts';

const machine = new Machine();
const { memory } = machine;
const [VALUE, OUT] = [memory.alloc(8), memory.alloc(8)];

const operation = fc.record({
  kind: fc.constantFrom('push', 'push', 'pop', 'peek'),
  value: fc.nat(1000),
  flags: fc.constantFrom(0, 2),
});

it.each([
  ['queue', queue, 'oldest'],
  ['stack', stack, 'newest'],
] as const)('a %s does what a list of limited length does', (name, type, first) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(operation, { maxLength: 60 }), (maxEntries, operations) => {
      const map = type.create(machine, {
        type: mapTypeNumber[name],
        keySize: 0,
        valueSize: 4,
        maxEntries,
        flags: 0,
        mapExtra: 0n,
        name: '',
        btf: undefined,
        keyTypeId: 0,
        valueTypeId: 0,
      });
      if (typeof map === 'number') throw new Error(`no map: ${map}`);
      const model: number[] = [];
      for (const { kind, value, flags } of operations) {
        if (kind === 'push') {
          memory.dv.setUint32(VALUE, value, true);
          const full = model.length === maxEntries;
          expect(map.push?.(VALUE, flags)).toBe(full && flags === 0 ? -errno.E2BIG : 0);
          if (full && flags === 2) model.shift();
          if (!full || flags === 2) model.push(value);
          continue;
        }
        const want = first === 'oldest' ? model[0] : model.at(-1);
        expect(kind === 'pop' ? map.pop?.(OUT) : map.peek?.(OUT)).toBe(want === undefined ? -errno.ENOENT : 0);
        expect(memory.dv.getUint32(OUT, true)).toBe(want ?? 0);
        if (kind === 'pop') first === 'oldest' ? model.shift() : model.pop();
      }
      map.put();
    }),
    { numRuns: 200, seed: 5 },
  );
});
