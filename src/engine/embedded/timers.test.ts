import { expect, it } from 'vitest';
import { objectBytes } from '../../../test/support/objects.ts';
import { type LoadedObject, load, openObject } from '../../index.ts';
import { createEmbeddedKernel, type EmbeddedKernel } from './embedded.ts';

type Loaded = LoadedObject;
const HOUR = 3_600_000_000_000n;
const object = openObject(objectBytes('test/objects/values.o'), { file: 'values.o' });

function run(embedded: EmbeddedKernel, name: string): Loaded {
  const loaded = load(embedded.kernel, object);
  loaded.program(name).run({ data: new Uint8Array(64) });
  return loaded;
}

const fired = (loaded: Loaded): string => (loaded.globals.fired as bigint[]).slice(0, 4).join(); // __u64[8]

it('fires when a manual clock reaches its time, and not before', () => {
  using embedded = createEmbeddedKernel({ clock: 'manual' });
  const { clock } = embedded.lab;
  using loaded = run(embedded, 'fires');
  expect(fired(loaded)).toBe('0,0,0,0');
  clock.advance(999_999n);
  expect(fired(loaded)).toBe('0,0,0,0');
  clock.advance(1n);
  expect(fired(loaded)).toBe('1,1,35,1');
  clock.advance(HOUR);
  expect([fired(loaded), clock.now()]).toEqual(['1,3,35,1', HOUR + 1_000_000n]);
});

it('fires while nobody calls the kernel', async () => {
  using embedded = createEmbeddedKernel();
  using loaded = run(embedded, 'fires');
  const map = loaded.map('.bss').mmap();
  const bytes = map.bytes;
  for (let i = 0; i < 1000 && !bytes.includes(35); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(bytes.includes(35)).toBe(true);
  map[Symbol.dispose]();
});

it('what held a pending timer gives back all memory, and the program', () => {
  using embedded = createEmbeddedKernel({ clock: 'manual' });
  const cycle = (): void => {
    for (const name of ['fires', 'in_hash', 'in_blocks', 'in_lru']) run(embedded, name)[Symbol.dispose]();
  };
  for (let i = 0; i < 10; i++) cycle();
  const before = embedded.memorySize;
  for (let i = 0; i < 30; i++) cycle();
  expect(embedded.memorySize).toBe(before);
  for (const cmd of ['BPF_MAP_GET_NEXT_ID', 'BPF_PROG_GET_NEXT_ID'] as const)
    expect(() => embedded.kernel.bpf(cmd, { start_id: 0, next_id: 0 })).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  embedded.lab.clock.advance(2n * HOUR);
  expect(embedded.lab.faults).toEqual([]);
});
