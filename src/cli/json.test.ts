import { describe, expect, it } from 'vitest';
import { formatJson } from './json.ts';

describe('formatJson', () => {
  const value = {
    id: 1,
    name: 'a"b',
    big: 2n ** 63n,
    missing: undefined,
    key: Uint8Array.of(1, 255),
    list: [1, 2],
    rows: [{ a: 1 }, { b: [] }],
    none: null,
  };

  it('is compact as bpftool is', () => {
    expect(formatJson(value, false)).toBe(
      '{"id":1,"name":"a\\"b","big":9223372036854775808,"key":["0x01","0xff"],"list":[1,2],"rows":[{"a":1},{"b":[]}],"none":null}',
    );
  });

  it('is JSON either way', () => {
    for (const pretty of [false, true]) {
      expect(JSON.parse(formatJson(value, pretty))).toMatchObject({
        id: 1,
        key: ['0x01', '0xff'],
        rows: [{ a: 1 }, { b: [] }],
      });
    }
  });

  it('breaks lines before members and closing brackets, as bpftool does', () => {
    expect(formatJson([{ a: 1 }, { b: [1, 2], c: [], d: Uint8Array.of(1, 2) }], true)).toBe(
      [
        '[{',
        '        "a": 1',
        '    },{',
        '        "b": [1,2',
        '        ],',
        '        "c": [],',
        '        "d": ["0x01","0x02"',
        '        ]',
        '    }',
        ']',
      ].join('\n'),
    );
  });

  it('prints null for nothing', () => {
    expect(formatJson(undefined, false)).toBe('null');
  });
});
