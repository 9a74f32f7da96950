import { expect } from 'vitest';
import { type Flow, flow, frame } from './flow.ts';

/** A veth pair `a0`–`a1`, up, with a clsact on a0. */
function devices({ run }: Flow): void {
  run('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1');
  run('ip', 'link', 'set', 'a0', 'up');
  run('ip', 'link', 'set', 'a1', 'up');
  run('tc', 'qdisc', 'add', 'dev', 'a0', 'clsact');
}

/** Loads `object` twice, by two commands, and sends three frames out and one in. Returns what ingress printed. */
function countAndPrint({ run, ask }: Flow, object: string): string {
  run('tc', 'filter', 'add', 'dev', 'a0', 'egress', 'bpf', 'da', 'obj', object, 'sec', 'egress');
  run('tc', 'filter', 'add', 'dev', 'a0', 'ingress', 'bpf', 'da', 'obj', object, 'sec', 'ingress');
  for (let i = 0; i < 3; i++) run('net', 'send', 'a0', 'egress', '--hex', frame());
  run('net', 'send', 'a0', 'ingress', '--hex', frame());
  // On Linux the log is the machine's: another reader may be faster, so let it be said again until it is ours.
  for (let tries = 0; tries < 20; tries++) {
    const lines = ask('prog', 'tracelog', 'nowait')
      .split('\n')
      .filter((line) => line.includes('map val'));
    const last = lines.at(-1);
    if (last !== undefined) return last.replace(/^.*bpf_trace_printk: /, '');
    ask('net', 'send', 'a0', 'ingress', '--hex', frame());
  }
  throw new Error('ingress printed nothing');
}

/** The ids of the maps that the filters of a0 use: one if they share. */
function mapIds({ ask }: Flow): Set<number> {
  const ids = ['ingress', 'egress'].flatMap((hook) => {
    const filters: { options?: { prog?: { id: number } } }[] = JSON.parse(
      ask('-j', 'tc', 'filter', 'show', 'dev', 'a0', hook),
    );
    return filters.flatMap((filter) => filter.options?.prog?.id ?? []);
  });
  return new Set(ids.flatMap((id): number[] => JSON.parse(ask('-j', 'prog', 'show', 'id', String(id))).map_ids ?? []));
}

flow('tc, PIN_GLOBAL_NS: two commands, one map', async (f) => {
  devices(f);
  expect(countAndPrint(f, 'examples/shared/shared.bpf.o')).toBe('map val: 3');
  const ids = mapIds(f);
  expect(ids.size).toBe(1);
  const [id] = [...ids].map(String);
  expect(f.run('map', 'dump', 'pinned', '/sys/fs/bpf/tc/globals/map_sh')).toContain('03 00 00 00');
  expect(f.run('map', 'show', 'id', id ?? '')).toContain('array  name map_sh');
  f.run('fs', 'tree', '/sys/fs/bpf');
  f.run('tc', 'filter', 'show', 'dev', 'a0', 'egress');
  f.run('tc', 'filter', 'show', 'dev', 'a0', 'ingress');

  // The pin goes, the filters keep the map; the filters go, and the map with them.
  f.run('fs', 'rm', '/sys/fs/bpf/tc/globals/map_sh');
  f.run('map', 'show', 'id', id ?? '');
  f.run('tc', 'filter', 'delete', 'dev', 'a0', 'egress');
  f.run('map', 'show', 'id', id ?? '');
  f.run('tc', 'filter', 'delete', 'dev', 'a0', 'ingress');
  await f.failsSoon(1, 'map', 'show', 'id', id ?? '');
});

flow('tc, PIN_OBJECT_NS: shared within the file, at its own path', (f) => {
  devices(f);
  expect(countAndPrint(f, 'examples/shared/shared_object_ns.bpf.o')).toBe('map val: 3');
  expect(mapIds(f).size).toBe(1);
  expect(f.run('fs', 'tree', '/sys/fs/bpf')).toMatch(/[0-9a-f]{40}\//);
});

flow('tc, PIN_NONE: two maps, and the printed value stays 0', (f) => {
  devices(f);
  expect(countAndPrint(f, 'examples/shared/shared_none.bpf.o')).toBe('map val: 0');
  expect(mapIds(f).size).toBe(2);
});
