import { describe, expect, it } from 'vitest';
import { BtfBuilder, decodeValue, parseBtf } from '../../btf/index.ts';
import { styled } from './struct-ops-value.ts';

describe('structs of functions as bpftool prints them', () => {
  const types = new BtfBuilder();
  const int = types.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' });
  const sock = types.add({ kind: 'fwd', name: 'sock', of: 'struct' });
  const constant = types.add({ kind: 'const', name: '', typeId: sock });
  const toSock = types.add({ kind: 'ptr', name: '', typeId: constant });
  const proto = types.add({
    kind: 'func_proto',
    name: '',
    returns: int,
    params: [
      { name: '', typeId: toSock },
      { name: 'n', typeId: int },
      { name: '', typeId: 0 },
    ],
  });
  const toProto = types.add({ kind: 'ptr', name: '', typeId: proto });
  const inner = types.add({
    kind: 'union',
    name: '',
    size: 8,
    members: [{ name: 'sk', typeId: toSock, bitOffset: 0, bitSize: 0 }],
  });
  const both = types.add({ kind: 'array', name: '', typeId: toProto, indexTypeId: int, length: 2 });
  const ops = types.add({
    kind: 'struct',
    name: 'ops',
    size: 32,
    members: [
      { name: '', typeId: inner, bitOffset: 0, bitSize: 0 },
      { name: 'calls', typeId: both, bitOffset: 64, bitSize: 0 },
      { name: 'flags', typeId: int, bitOffset: 192, bitSize: 0 },
    ],
  });
  const btf = parseBtf(types.bytes());
  const shown = (plain: boolean, sk: bigint, calls: readonly [bigint, bigint]) => {
    const bytes = new Uint8Array(32);
    const view = new DataView(bytes.buffer);
    for (const [i, word] of [sk, ...calls].entries()) view.setBigUint64(8 * i, word, true);
    view.setInt32(24, -1, true);
    const style = {
      btf,
      plain,
      programName: (id: number) => (id === 7 ? 'a_long_name_of_a_function' : '<unknown_prog_name>'),
    };
    return styled(style, ops, decodeValue(btf, ops, bytes));
  };
  const signature = 'int (const struct sock *, int n, ...)';

  it.each([
    [true, 0n, [7n, 0n], '(nil)', [`${signature} a_long_name_of_a_function/prog_id:7`, `${signature} 0`]],
    [false, 0n, [8n, 1n << 40n], 0n, [`${signature} <unknown_prog_name>/prog_id:8`, 1n << 40n]],
    [true, 255n, [0n, 1n << 40n], '0xff', [`${signature} 0`, '0x10000000000']],
  ] as const)('plain %s: pointers %s, %s', (plain, sk, words, pointer, calls) => {
    expect(shown(plain, sk, words)).toEqual({ sk: pointer, calls, flags: -1 });
  });
});
