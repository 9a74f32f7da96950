import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { type MapChange, openMap, watchMap } from './index.ts';

const shape = { key_size: 4, value_size: 4, max_entries: 8 } as const;
const bytes = (n: number) => new Uint8Array(new Uint32Array([n]).buffer);

/** A map of a type, the changes that are seen in it, and what ends the watching. */
async function watched(map_type: number, before: (map: ReturnType<typeof openMap>) => void = () => {}) {
  const { kernel } = createEmbeddedKernel();
  const map = openMap(kernel, { fd: kernel.bpf('BPF_MAP_CREATE', { ...shape, map_type }) });
  before(map);
  const end = new AbortController();
  const seen: MapChange[] = [];
  const ended = (async () => {
    for await (const change of watchMap(map, { signal: end.signal })) seen.push(change);
  })();
  ended.catch(() => {});
  await looks();
  return { map, seen, end, ended };
}

/** Time for some looks. */
const looks = () => new Promise((resolve) => setTimeout(resolve, 200));

describe('watchMap', () => {
  it('tells what is new, changed and gone, and nothing of what was there or stays', async () => {
    const { map, seen, end, ended } = await watched(1, (fresh) => {
      fresh.setBytes(bytes(1), bytes(10));
      fresh.setBytes(bytes(2), bytes(20));
    });
    expect(seen).toEqual([]);
    map.setBytes(bytes(1), bytes(11));
    map.setBytes(bytes(2), bytes(20));
    map.setBytes(bytes(3), bytes(30));
    await looks();
    map.deleteBytes(bytes(2));
    await looks();
    expect(seen).toHaveLength(3);
    expect(seen).toEqual(
      expect.arrayContaining([
        { change: 'changed', key: bytes(1), value: bytes(11) },
        { change: 'new', key: bytes(3), value: bytes(30) },
      ]),
    );
    expect(seen.at(-1)).toEqual({ change: 'gone', key: bytes(2) });
    end.abort();
    await ended;
  });

  it('tells of an element of an array, of each CPU', async () => {
    const { map, seen, end, ended } = await watched(6);
    const value = new Uint8Array(16);
    value[8] = 7;
    map.setBytes(bytes(5), value);
    await looks();
    expect(seen).toEqual([{ change: 'changed', key: bytes(5), value }]);
    end.abort();
    await ended;
  });

  it('ends when the loop is left, and when reading fails', async () => {
    const { map, ended } = await watched(1);
    map.close();
    await expect(ended).rejects.toThrow();
  });
});
