import { describe, expect, it } from 'vitest';
import { commandTable } from './commands/index.ts';
import { findCommand } from './find.ts';

const commands = commandTable(() => Promise.reject(new Error('no kernel is made here')));

describe('findCommand', () => {
  it.each([
    ['prog', 'prog show'],
    ['prog l', 'prog show'],
    ['prog lo', 'prog load'],
    ['prog list', 'prog show'],
    ['map', 'map show'],
    ['m', 'map show'],
    ['map l', 'map show'],
    ['map lo', 'map lookup'],
    ['map d', 'map dump'],
    ['tc qdisc', 'tc qdisc show'],
    ['tc qdisc del', 'tc qdisc delete'],
    ['tc filter ls', 'tc filter show'],
    ['ip link', 'ip link show'],
    ['fs ls', 'fs ls'],
    ['btf', 'btf show'],
    ['program show', 'prog show'],
  ])('%s is %s', (words, path) => {
    expect(findCommand(commands, words.split(' '))).toMatchObject({ row: { path: path.split(' ') }, rest: [] });
  });

  it.each([
    ['prog help', ['prog']],
    ['tc help', ['tc']],
    ['tc filter help', ['tc', 'filter']],
    ['map h', ['map']],
  ])('%s is the help of the group', (words, rest) => {
    expect(findCommand(commands, words.split(' '))).toMatchObject({ row: { path: ['help'] }, rest });
  });

  it('leaves the words that follow', () => {
    expect(findCommand(commands, ['m', 'sh', 'id', '1']).rest).toEqual(['id', '1']);
  });

  it.each(['prog frobnicate', 'tc', 'map sho1', 'prog '])('%s is no command', (words) => {
    expect(() => findCommand(commands, words.split(' '))).toThrow('did you mean');
  });

  it.each(['constructor', '__proto__', 'toString'])('%s is no synonym', (word) => {
    expect(() => findCommand(commands, [word])).toThrow('there is no command');
  });
});
