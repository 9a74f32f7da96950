import { describe, expect, it, type TestContext } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { load, openObject } from '../../src/index.ts';
import { hasCmpxchg16b } from '../contract/since.ts';
import { objectBytes } from '../support/objects.ts';
import { isAtLeast, running, skipBefore } from '../support/since.ts';

const kernel = createLinuxKernel();
const skipWithoutArenas = (context: TestContext) => {
  skipBefore(context, '6.9', 'arenas');
  if (isAtLeast(running, '7.3') && !hasCmpxchg16b)
    context.skip('memory is handed out without locks, which needs a processor with CMPXCHG16B');
};
const open = (name: string) => openObject(objectBytes(`test/objects/${name}.o`), { file: `${name}.o` });

describe.each(['arena', 'arena_at'])('variables in an arena: %s.o', (name) => {
  it('start with what the object says, and are shared with the program', (context) => {
    skipWithoutArenas(context);
    const object = open(name);
    expect(object.globals).toMatchObject({ count: 40, numbers: [1n, 2n, 3n, 4n], head: 0n });
    object.globals.count = 50;
    using loaded = load(kernel, object);
    expect(loaded.program('sum').run().retval).toBe(10 + 51);
    expect(loaded.globals.count).toBe(51);
    loaded.globals.count = 100;
    loaded.globals.numbers = [5n, 6n, 7n, 8n];
    expect(loaded.program('sum').run().retval).toBe(26 + 101);
    using mapped = loaded.mmapGlobals();
    expect(mapped.globals.count).toBe(101);
    mapped.close();
    expect(loaded.globals.count).toBe(101);
  });

  it('the whole of it is memory: a program follows pointers that user space writes', (context) => {
    skipWithoutArenas(context);
    using loaded = load(kernel, open(name));
    const memory = loaded.arena('arena');
    expect(memory).toHaveLength(16 * 4096);
    const view = new DataView(memory.buffer, memory.byteOffset);
    // An address is told by its lower half, which both sides have alike.
    const first = BigInt(loaded.map('arena').info.mapExtra);
    for (const [i, at] of [4096, 4128, 8192].entries()) {
      view.setBigUint64(at, i === 2 ? 0n : first + BigInt([4128, 8192][i] ?? 0), true);
      view.setBigUint64(at + 8, BigInt(10 ** i), true);
    }
    if (first === 0n) context.skip('where it is only the kernel knows');
    loaded.globals.head = first + 4096n;
    expect(loaded.program('list').run().retval).toBe(111);
    expect([4096, 4128, 8192].map((at) => view.getBigUint64(at + 8, true))).toEqual([0n, 0n, 0n]);
  });

  it('nothing is left after the end', (context) => {
    skipWithoutArenas(context);
    for (let n = 0; n < 3; n++) {
      const loaded = load(kernel, open(name));
      loaded.close();
      expect(() => loaded.arena('arena')).toThrow(expect.objectContaining({ code: 'EBADF' }));
      expect(() => loaded.globals.count).toThrow(expect.objectContaining({ code: 'EBADF' }));
      expect(() => loaded.arena('other')).toThrow('has no arena other');
    }
  });
});
