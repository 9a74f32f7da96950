import { describe, expect, it } from 'vitest';
import { formatBytecode, parseBytecode } from './bytecode.ts';

describe('bytecode', () => {
  it.each([
    ['1,6 0 0 4294967295', '1,6 0 0 4294967295'],
    ['1,6 0 0 4294967295,', '1,6 0 0 4294967295'],
    ['4,40 0 0 12,21 0 1 2048,6 0 0 1,6 0 0 0', '4,40 0 0 12,21 0 1 2048,6 0 0 1,6 0 0 0'],
    ['2\n6 0 0 1\n6 0  0\t0\n', '2,6 0 0 1,6 0 0 0'],
  ])('%j', (text, printed) => {
    expect(formatBytecode(parseBytecode(text))).toBe(printed);
  });

  it.each([
    ['2,6 0 0 1', 'is less than the 2 that it says'],
    ['1,6 0 0 1,6 0 0 0', 'exceeds the 1 that it says'],
    ['0,', "'0' is no number of instructions"],
    ['x,6 0 0 1', "'x' is no number of instructions"],
    ['1,6 0 0', "error at instruction 0: '6 0 0' is not CODE JT JF K"],
    ['1,6 0 256 1', 'error at instruction 0'],
    ['1,6 0 0 4294967296', 'error at instruction 0'],
    ['', "'' is no number of instructions"],
  ])('refuses %j', (text, message) => {
    expect(() => parseBytecode(text)).toThrow(message);
  });
});
