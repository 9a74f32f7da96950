import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { fromHex } from '../../src/bytes/hex.ts';
import { flow, frame } from './flow.ts';

const work = mkdtempSync(join(tmpdir(), 'skep-replay-'));
afterAll(() => rmSync(work, { recursive: true }));

/** A pcap file with Ethernet frames. */
function capture(...frames: readonly Uint8Array[]): string {
  const header = Uint8Array.of(
    0xd4,
    0xc3,
    0xb2,
    0xa1,
    2,
    0,
    4,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0xff,
    0xff,
    0,
    0,
    1,
    0,
    0,
    0,
  );
  const records = frames.map((bytes) => {
    const record = new Uint8Array(16 + bytes.length);
    record.set([bytes.length, 0, 0, 0, bytes.length], 8);
    record.set(bytes, 16);
    return record;
  });
  const file = join(work, 'frames.pcap');
  writeFileSync(file, Buffer.concat([header, ...records]));
  return file;
}

const FRAME = fromHex(frame()) ?? new Uint8Array();
/** From 10.0.0.x. */
const from = (x: number): Uint8Array => FRAME.with(29, x);

flow('a capture is replayed through a program', (f) => {
  f.run('prog', 'load', 'test/objects/xdp_block.o', '/sys/fs/bpf/block', 'pinmaps', '/sys/fs/bpf/maps');
  const network = ['key', '32', '0', '0', '0', '10', '0', '0', '7', 'value', ...Array(8).fill('0')];
  f.run('map', 'update', 'pinned', '/sys/fs/bpf/maps/blocked', ...network);
  const frames = capture(from(1), from(7), from(2), from(7), from(3));
  const xdp = ['prog', 'run', 'pinned', '/sys/fs/bpf/block', 'pcap'];
  expect(f.run(...xdp, frames)).toMatch(
    /^5 frames, duration \(average\): \d+ns\n {9}3 {2}2 XDP_PASS\n {9}2 {2}1 XDP_DROP\n?$/,
  );
  const { duration, ...counts } = JSON.parse(f.ask('-j', ...xdp, frames, 'repeat', '3'));
  expect(duration).toEqual(expect.any(Number));
  expect(counts).toEqual({
    frames: 5,
    refused: 0,
    verdicts: [
      { retval: 2, name: 'XDP_PASS', frames: 3 },
      { retval: 1, name: 'XDP_DROP', frames: 2 },
    ],
  });
  // What it counts in maps it has counted.
  f.run('map', 'dump', 'pinned', '/sys/fs/bpf/maps/blocked');

  f.run('prog', 'loadall', 'test/objects/hooks.o', '/sys/fs/bpf/hooks');
  const tc = ['prog', 'run', 'pinned', '/sys/fs/bpf/hooks/on_tc', 'pcap'];
  // A frame that ends within its header of IP
  const cut = capture(from(1), FRAME.slice(0, 20));
  expect(f.run(...tc, cut)).toContain('         1  4294967295 TC_ACT_UNSPEC\n         1  not taken (EINVAL)');
  expect(f.fails(1, ...tc, capture(FRAME.slice(0, 20)))).toContain('Invalid argument');
  expect(f.run(...tc, capture())).toMatch(/^0 frames/);

  f.fails(2, ...tc);
  f.fails(2, ...tc, cut, 'repeat', '0');
  f.fails(2, ...tc, cut, 'ctx_in', cut);
  expect(f.fails(3, ...tc, 'test/objects/hooks.o')).toContain('this is no pcap file');
});

flow('a capture arrives at a device with an XDP program', async (f) => {
  f.run('ip', 'link', 'add', 'x0', 'type', 'veth', 'peer', 'name', 'x1');
  for (const device of ['x0', 'x1']) f.run('ip', 'link', 'set', device, 'up');
  f.run('prog', 'load', 'test/objects/xdp_block.o', '/sys/fs/bpf/block', 'pinmaps', '/sys/fs/bpf/maps');
  const network = ['key', '32', '0', '0', '0', '10', '0', '0', '7', 'value', ...Array(8).fill('0')];
  f.run('map', 'update', 'pinned', '/sys/fs/bpf/maps/blocked', ...network);
  f.run('net', 'attach', 'xdp', 'pinned', '/sys/fs/bpf/block', 'dev', 'x1');
  const frames = capture(from(1), from(7), from(2), from(7), from(3));
  f.run('net', 'send', 'x1', 'ingress', '--pcap', frames, 'repeat', '30');
  f.run('net', 'send', 'x0', 'egress', '--pcap', frames);
  const verdicts = (): number[] =>
    JSON.parse(f.ask('-j', 'map', 'dump', 'pinned', '/sys/fs/bpf/maps/verdicts')).map(
      ({ formatted }: { formatted: { value: number } }) => formatted.value,
    );
  // Linux lets frames arrive a moment later.
  for (let tries = 0; tries < 20 && (verdicts()[2] ?? 0) < 93; tries++);
  expect(verdicts()).toEqual([0, 62, 93]);
  f.run('ip', 'link', 'del', 'x0');
});
