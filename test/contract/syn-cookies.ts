import { expect, it } from 'vitest';
import { load, openObject } from '../../src/index.ts';
import { objectBytes } from '../support/objects.ts';
import { setUp } from './inet-packets.ts';
import type { NetBench } from './net-bench.ts';

const [ENOENT, EACCES, EINVAL, EPROTONOSUPPORT] = [-2, -13, -22, -93];

/** What each program of syncookies.c leaves in `seen`. */
// biome-ignore format: a row per group of calls
const SEEN: Readonly<Record<string, readonly number[]>> = {
  raw_ipv4: [EINVAL, EINVAL, 1460,   0, EACCES, EACCES, EACCES],
  raw_ipv6: [EINVAL, 1440,   0, EACCES, EACCES],
};
/** With a socket: wrong calls, cookies for sizes of segments, and segments that bring one back. */
// biome-ignore format: as above
const REFUSED = [EINVAL, EINVAL, EPROTONOSUPPORT, EINVAL, EINVAL, ENOENT];
const ALWAYS = [...REFUSED, 536, 536, 1300, 1440, 1460, 0, EINVAL, EINVAL, ENOENT, ENOENT];
const IN_NEED = [...REFUSED, ...new Array(5).fill(ENOENT), ENOENT, EINVAL, EINVAL, ENOENT, ENOENT];
const NEVER = [
  EINVAL,
  ...new Array(4).fill(ENOENT),
  EINVAL,
  ...new Array(5).fill(ENOENT),
  ...new Array(5).fill(EINVAL),
];

/** The same programs on every kernel. */
export function synCookies(bench: NetBench): void {
  const kernel = bench.kernel('a');
  const object = openObject(objectBytes('test/objects/syncookies.o'), { file: 'syncookies.o' });

  function run(name: string): number[] {
    using loaded = load(kernel, object, { programs: object.spec.programs.filter((program) => program.name === name) });
    expect(loaded.program(name).run({ data: new Uint8Array(64) }).retval).toBe(0);
    return (loaded.globals.seen as bigint[]).map(Number).slice(0, Number(loaded.globals.at)); // __s64[64]
  }

  it.each(Object.keys(SEEN))('%s', (name) => {
    expect(run(name)).toEqual(SEEN[name]);
  });

  it.each([
    ['a socket that always gives them', 2, ALWAYS],
    ['a socket that gives them in need', 1, IN_NEED],
    ['a socket that never does', 0, NEVER],
  ] as const)('%s', (_name, when, want) => {
    setUp(bench, 'a', 'lo');
    bench.setSynCookies('a', when);
    const socket = bench.socket('a', 'tcp');
    try {
      socket.bind({ address: '127.0.0.1', port: 80 });
      socket.listen();
      expect(run('listens')).toEqual(want);
    } finally {
      socket.close();
      bench.setSynCookies('a', 1);
    }
  });
}
