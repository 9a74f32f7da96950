import { describe, expect, it } from 'vitest';
import { commandTable } from './commands/index.ts';
import { findCommand } from './find.ts';

const commands = commandTable(() => Promise.reject(new Error('no kernel is made here')));

describe('findCommand', () => {
  it.each(['constructor', '__proto__', 'toString'])('%s is no synonym', (word) => {
    expect(() => findCommand(commands, [word])).toThrow('there is no command');
  });
});
