import { flow } from './flow.ts';

flow('queues, stacks and bloom filters', (f) => {
  const make = (type: string, ...more: readonly string[]) =>
    f.run(
      ...['map', 'create', `/sys/fs/bpf/${type}`, 'type', type, 'key', '0', 'value', '4', 'entries', '2', 'name', type],
      ...more,
    );
  const value = (n: number) => ['value', String(n), '0', '0', '0'];
  for (const [type, push, take] of [
    ['queue', 'enqueue', 'dequeue'],
    ['stack', 'push', 'pop'],
  ] as const) {
    const map = ['pinned', `/sys/fs/bpf/${type}`];
    make(type);
    f.fails(1, 'map', 'peek', ...map);
    f.run('map', push, ...map, ...value(1));
    f.run('map', push, ...map, ...value(2));
    f.fails(1, 'map', push, ...map, ...value(3));
    f.run('map', push, ...map, ...value(3), 'exist');
    f.run('map', 'peek', ...map);
    f.run('-j', 'map', take, ...map);
    f.run('map', take, ...map);
    f.fails(1, '-j', 'map', take, ...map);
  }
  make('bloom_filter');
  f.run('map', 'push', 'pinned', '/sys/fs/bpf/bloom_filter', ...value(7));
  f.fails(6, 'map', 'pop', 'pinned', '/sys/fs/bpf/bloom_filter');

  f.run(
    ...['map', 'create', '/sys/fs/bpf/hash', 'type', 'hash', 'key', '4', 'value', '4', 'entries', '2', 'name', 'h'],
  );
  f.fails(2, 'map', 'pop', 'pinned', '/sys/fs/bpf/hash');
  f.fails(2, 'map', 'push', 'pinned', '/sys/fs/bpf/hash', ...value(1));
});
