import { expect, it } from 'vitest';
import { attachIterator, attachTracing, type LoadedObject, load, openObject, readIterator } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { objectBytes } from '../support/objects.ts';

/** ENOMEM: a Linux that cannot take pages where programs run has none for what they print, and says so each time. */
const [ENOENT, E2BIG, ENOMEM, EACCES, EINVAL] = [-2, -7, -12, -13, -22];
/** Fewer bytes wait in a stream; and those of the line that fills it. */
const [CAPACITY, LINE] = [100_000, 100];

/** What each program of more_kfuncs.c leaves in `seen`. */
// biome-ignore format: a row per group of calls
const SEEN: Readonly<Record<string, readonly number[]>> = {
  counts: [0,   3, 3, 3, 3, 0],
  populates: [EACCES, 0, 1],
  signals: [0, EINVAL, EINVAL, 0],
  before: [0, 0, 0, 0, E2BIG, E2BIG,   EINVAL, 1],
};

/** The same programs on every kernel. */
export function moreKfuncs(kernel: Kernel): void {
  const object = openObject(objectBytes('test/objects/more_kfuncs.o'), { file: 'more_kfuncs.o' });
  const only = (...names: readonly string[]) =>
    load(kernel, object, { programs: object.spec.programs.filter(({ name }) => names.includes(name)) });
  const seen = ({ globals }: LoadedObject) => (globals.seen as bigint[]).map(Number).slice(0, Number(globals.at)); // __s64[64]

  /** What is read with buffers of `size` bytes until there is no more. */
  function readStream(prog_fd: number, stream_id: number, size = 4096): string {
    const stream_buf = new Uint8Array(size);
    let text = '';
    for (let read = -1; read !== 0; ) {
      read = kernel.bpf('BPF_PROG_STREAM_READ_BY_FD', { prog_fd, stream_id, stream_buf, stream_buf_len: size });
      text += new TextDecoder().decode(stream_buf.slice(0, read));
    }
    return text;
  }

  it.each(Object.keys(SEEN))('%s', (name) => {
    using loaded = only(name);
    loaded.program(name).run(name === 'before' ? { data: new Uint8Array(64) } : {});
    expect(seen(loaded)).toEqual(SEEN[name]);
  });

  it('what a program prints', () => {
    using loaded = only('prints');
    const { fd } = loaded.program('prints');
    loaded.program('prints').run({});
    const [first, ...rest] = seen(loaded);
    expect(rest).toEqual([first, first, ENOENT, ENOENT, EINVAL, EINVAL, EINVAL]);
    expect([0, ENOMEM]).toContain(first);
    expect(readStream(fd, 2)).toBe(first === 0 ? '-1 word beef\n' : '');
    expect(readStream(fd, 1, 7)).toBe(first === 0 ? 'nothing to fill in\n-1 word beef\n' : '');
    expect(readStream(fd, 1)).toBe('');
    for (const id of [0, 3]) expect(() => readStream(fd, id)).toThrow(/ENOENT|No such/);
  });

  it('more than waits for a reader', () => {
    using loaded = only('prints_much');
    loaded.program('prints_much').run({});
    expect(seen(loaded)).toEqual([1011 - CAPACITY / LINE]);
    expect([0, CAPACITY - LINE]).toContain(readStream(loaded.program('prints_much').fd, 1).length);
  });

  it('elements of a map that an iterator comes to', () => {
    using loaded = only('counts', 'counts_in_iter');
    loaded.program('counts').run({});
    const { id } = loaded.map('of_hash').info;
    Object.assign(loaded.globals, { map_id: id, at: 0 });
    using link = attachIterator(loaded.program('counts_in_iter'));
    readIterator(link);
    expect(seen(loaded)).toEqual([3]);
  });

  it('a tracepoint for tests', () => {
    using loaded = only('hears', 'triggers');
    using _link = attachTracing(loaded.program('hears'));
    loaded.program('triggers').run({});
    expect(seen(loaded)).toEqual([77, 77]);
  });

  it('a trap', () => {
    expect(() => only('traps')).toThrow(/unexpected __bpf_trap\(\) due to uninitialized variable\?/);
  });
}
