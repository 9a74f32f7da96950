import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BpfError, NotSupportedError } from '../errors.ts';
import { type AgentMessage, decodeAgentMessage, encodeAgentMessage } from './agent-message.ts';

const one: AgentMessage = {
  object: { name: 'shared.bpf.o', dev: 5n, ino: 77n },
  entries: [
    { id: 42, name: 'shared', map: [1, 4, 8, 16, 0] },
    { id: 0, name: '', map: undefined },
  ],
};

/** What tc sends: no names, and nothing after the records. */
function asTc(count = 2): Uint8Array {
  return encodeAgentMessage(one).slice(0, 88 + 36 * count);
}
function changed(at: number, value: number): Uint8Array {
  const bytes = asTc();
  bytes[at] = value;
  return bytes;
}

describe('a message with fds', () => {
  it('is read as it was written', () => {
    expect(decodeAgentMessage(encodeAgentMessage(one), 2)).toEqual(one);
  });

  it('is laid out as tc lays it out', () => {
    const bytes = asTc();
    const view = new DataView(bytes.buffer);
    expect(bytes).toHaveLength(160);
    expect([view.getUint16(0, true), view.getUint16(2, true)]).toEqual([1, 2]);
    expect(new TextDecoder().decode(bytes.subarray(4, 17))).toBe('shared.bpf.o\0');
    expect([view.getBigUint64(72, true), view.getBigUint64(80, true)]).toEqual([5n, 77n]);
    const record = (at: number) => Array.from({ length: 9 }, (_, i) => view.getUint32(at + 4 * i, true));
    expect(record(88)).toEqual([1, 4, 8, 16, 0, 42, 0, 0, 0]);
    expect(record(124)).toEqual(Array(9).fill(0));
  });

  it('of tc has no names', () => {
    expect(decodeAgentMessage(asTc(), 2).entries.map(({ name }) => name)).toEqual(['', '']);
  });

  it('has names that are cut where they are too long, or left out where they are none', () => {
    const entries = ['a/b', '../x', 'x'.repeat(256), 'é', 'a b', '\0'].map((name) => ({ id: 1, name, map: undefined }));
    const object = { ...one.object, name: 'n'.repeat(100) };
    const read = decodeAgentMessage(encodeAgentMessage({ object, entries }), entries.length);
    expect(read.entries.map(({ name }) => name)).toEqual(Array(entries.length).fill(''));
    expect(read.object.name).toBe('n'.repeat(63));
  });

  it.each<[string, Uint8Array, number, string]>([
    ['is empty', new Uint8Array(0), 2, 'it is 0 bytes long'],
    ['ends in its head', asTc().slice(0, 87), 2, 'it is 87 bytes long'],
    ['ends in a record', asTc().slice(0, 159), 2, 'too short for 2 fds'],
    ['has fewer fds than it says', asTc(), 1, 'it says that it has 2 fds, and has 1'],
    ['has more fds than it says', asTc(), 3, 'it says that it has 2 fds, and has 3'],
    ['has none', changed(2, 0), 0, 'it says that it has 0 fds'],
    ['has more than there is room for', changed(2, 65), 65, 'it says that it has 65 fds'],
  ])('that %s is refused', (_name, bytes, fds, why) => {
    expect(() => decodeAgentMessage(bytes, fds)).toThrow(why);
    expect(() => decodeAgentMessage(bytes, fds)).toThrow(expect.objectContaining({ code: 'BAD_MESSAGE' }));
  });

  it('of another version is not supported', () => {
    expect(() => decodeAgentMessage(changed(0, 2), 2)).toThrow(NotSupportedError);
  });

  it('whatever it is, is read or refused', () => {
    const tail = fc.uint8Array({ maxLength: 400 });
    fc.assert(
      fc.property(tail, fc.integer({ min: 0, max: 70 }), fc.boolean(), (bytes, count, known) => {
        const all = known ? Uint8Array.of(1, 0, count, 0, ...bytes) : bytes;
        try {
          expect(decodeAgentMessage(all, count).entries).toHaveLength(count);
        } catch (error) {
          expect(error).toBeInstanceOf(BpfError);
        }
      }),
      { seed: 7 },
    );
  });
});
