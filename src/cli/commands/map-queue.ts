import { UsageError } from '../../errors.ts';
import { type AnyCommand, command } from '../command.ts';
import { hexRow } from '../format.ts';
import { MAP, parseBytes, selectMap } from '../selectors.ts';

/** Maps without keys: queues and stacks, and what bpftool calls it for each of them. Bloom filters are pushed to, too. */
const PUSH = { push: 'puts a value on a stack, or into a bloom filter', enqueue: 'puts a value into a queue' } as const;
const TAKE = {
  peek: 'prints the next value of a queue or a stack',
  pop: 'takes the next value off a stack',
  dequeue: 'takes the next value out of a queue',
} as const;

export const queueCommands: readonly AnyCommand[] = [
  take('peek'),
  push('push'),
  push('enqueue'),
  take('pop'),
  take('dequeue'),
];

function push(verb: keyof typeof PUSH): AnyCommand {
  return command<undefined>({
    path: ['map', verb],
    usage: `${MAP} value DATA [any | exist]`,
    about: `${PUSH[verb]}; exist: the oldest goes where it is full`,
    run({ kernel }, words) {
      using map = selectMap(kernel, words);
      words.expect('value');
      const value = parseBytes(words, map.info.valueSize, 'value');
      const mode = words.exact('any', 'exist') ?? 'any';
      words.end();
      if (map.info.keySize > 0) throw keyed(map.label);
      map.setBytes(new Uint8Array(0), value, mode);
      return undefined;
    },
    text: () => '',
  });
}

function take(verb: keyof typeof TAKE): AnyCommand {
  return command<Uint8Array | undefined>({
    path: ['map', verb],
    usage: MAP,
    about: TAKE[verb],
    run({ kernel }, words) {
      using map = selectMap(kernel, words, { readOnly: verb === 'peek' });
      words.end();
      if (map.info.keySize > 0) throw keyed(map.label);
      return verb === 'peek' ? map.getBytes(new Uint8Array(0)) : map.popBytes();
    },
    text: (value) => (value === undefined ? 'empty map' : `value:${value.length > 16 ? '\n' : ' '}${hexRow(value)}`),
    json: (value) => (value === undefined ? null : { key: [], value }),
    missed: (value) => value === undefined,
  });
}

function keyed(label: string): UsageError {
  return new UsageError(`${label} has keys: use map lookup, update, delete`);
}
