import { expect } from 'vitest';
import { flow, frame } from './flow.ts';

const OBJECT = 'test/objects/xdp_block.o';
const PROG = ['pinned', '/sys/fs/bpf/block'] as const;
const BLOCKED = ['pinned', '/sys/fs/bpf/maps/blocked'] as const;
/** 10.0.0.0/24, where the frame comes from. */
const NETWORK = ['key', '24', '0', '0', '0', '10', '0', '0', '0'] as const;

flow('an XDP program blocks networks', async (f) => {
  f.run('ip', 'link', 'add', 'x0', 'type', 'veth', 'peer', 'name', 'x1');
  for (const device of ['x0', 'x1']) f.run('ip', 'link', 'set', device, 'up');
  f.run('prog', 'load', OBJECT, PROG[1], 'pinmaps', '/sys/fs/bpf/maps');
  /** Elements of `verdicts`, once they have this sum: a frame arrives a moment after it was sent. */
  const verdicts = async (sum: number): Promise<number[]> => {
    for (let tries = 0; ; tries++) {
      const dump = JSON.parse(f.ask('-j', 'map', 'dump', 'pinned', '/sys/fs/bpf/maps/verdicts'));
      const values = dump.map(({ formatted }: { formatted: { value: number } }) => formatted.value);
      if (values.reduce((a: number, b: number) => a + b) >= sum || tries === 20) return values;
    }
  };
  const mode = (): string[] =>
    JSON.parse(f.ask('-j', 'net', 'show', 'dev', 'x1'))[0].xdp.map((row: { mode: string }) => row.mode);

  for (const [i, kind] of ['xdpgeneric', 'xdpdrv'].entries()) {
    f.run('net', 'attach', kind, ...PROG, 'dev', 'x1');
    expect(mode()).toEqual([kind === 'xdpdrv' ? 'driver' : 'generic']);
    f.fails(1, 'net', 'attach', kind, ...PROG, 'dev', 'x1');
    f.fails(1, 'net', 'attach', kind === 'xdpdrv' ? 'xdpgeneric' : 'xdpdrv', ...PROG, 'dev', 'x1');
    f.run('net', 'send', 'x0', 'egress', '--hex', frame());
    expect(await verdicts(2 * i + 1)).toEqual([0, i, i + 1]);
    f.run('map', 'update', ...BLOCKED, ...NETWORK, 'value', ...Array(8).fill('0'));
    f.run('net', 'send', 'x0', 'egress', '--hex', frame());
    expect(await verdicts(2 * i + 2)).toEqual([0, i + 1, i + 1]);
    f.run('map', 'dump', ...BLOCKED);
    f.run('map', 'delete', ...BLOCKED, ...NETWORK);
    f.run('net', 'detach', kind, 'dev', 'x1');
    expect(mode()).toEqual([]);
  }

  // A link holds the program, and who has not the link does not get it off.
  f.run('net', 'attach', 'xdp', ...PROG, 'dev', 'x1', 'pin', '/sys/fs/bpf/link');
  expect(JSON.parse(f.ask('-j', 'link', 'show', 'pinned', '/sys/fs/bpf/link'))).toMatchObject({
    type: 'xdp',
    devname: 'x1',
  });
  f.fails(1, 'net', 'detach', 'xdp', 'dev', 'x1');
  f.fails(1, 'net', 'attach', 'xdp', ...PROG, 'dev', 'x1', 'overwrite');
  f.run('link', 'update', 'pinned', '/sys/fs/bpf/link', ...PROG);
  f.run('fs', 'rm', '/sys/fs/bpf/link');
  expect(mode()).toEqual([]);
  f.run('ip', 'link', 'del', 'x0');
});
