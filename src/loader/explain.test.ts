import { afterAll, describe, expect, it } from 'vitest';
import { machine } from '../../test/support/machine.ts';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { BpfError, SysError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { BpfAttr } from '../uapi/attr.ts';
import { mapTypeNumber, progTypeNumber } from '../uapi/bpf.ts';
import { errno } from '../uapi/errno.ts';
import { explain } from './explain.ts';

const embedded = createEmbeddedKernel();
afterAll(() => embedded[Symbol.dispose]());
const { kernel } = embedded;

function whys(call: (kernel: Kernel) => unknown): string {
  try {
    call(kernel);
  } catch (error) {
    return explain(kernel, new BpfError('X', 'what came of it', { cause: error }))
      .map(({ why }) => why)
      .join('\n');
  }
  throw new Error('the call was not refused');
}

const SOUND: BpfAttr<'BPF_MAP_CREATE'> = { map_type: mapTypeNumber.array, key_size: 4, value_size: 4, max_entries: 4 };
const { hash, lru_hash, lpm_trie } = mapTypeNumber;

describe('what BPF_MAP_CREATE refuses', () => {
  it.each<[string, BpfAttr<'BPF_MAP_CREATE'>, RegExp]>([
    ['a key that is no index', { key_size: 8 }, /^the key of this type is an index/],
    ['no entries', { map_type: hash, max_entries: 0 }, /^max_entries is 0$/],
    ['no value', { map_type: hash, value_size: 0 }, /^value_size is 0$/],
    ['an LRU map that is not preallocated', { map_type: lru_hash, map_flags: 1 }, /BPF_F_NO_PREALLOC$/],
    ['a trie that is preallocated', { map_type: lpm_trie, key_size: 8 }, /BPF_F_NO_PREALLOC$/],
    ['two flags that exclude each other', { map_flags: 0x180 }, /exclude each other$/],
    ['a flag of other types', { map_flags: 1 }, /^this kernel has maps of type array; the sizes/],
    ['a type that there is not', { map_type: 999 }, /^no kernel has maps of type 999$/],
  ])('%s', (_, more, want) => {
    expect(whys((k) => k.bpf('BPF_MAP_CREATE', { ...SOUND, ...more }))).toMatch(want);
  });
});

it('says nothing where the kernel has said it', () => {
  expect(explain(kernel, new SysError(2, 'BPF_MAP_LOOKUP_ELEM'))).toEqual([]);
  expect(explain(kernel, new Error('of no kernel'))).toEqual([]);
  expect(explain(kernel, undefined)).toEqual([]);
});

it('tells a map that is read only', () => {
  const map_fd = kernel.bpf('BPF_MAP_CREATE', { ...SOUND, map_flags: 8 });
  const update = { map_fd, key: new Uint8Array(4), value: new Uint8Array(4) };
  expect(whys((k) => k.bpf('BPF_MAP_UPDATE_ELEM', update))).toMatch(/^the map is frozen, or/);
  expect(whys((k) => k.bpf('BPF_MAP_UPDATE_ELEM', { ...update, map_fd: 99 as typeof map_fd }))).toBe('');
  kernel.close(map_fd);
});

it.each([
  ['a directory that is not there', '/sys/fs/bpf/a/b', 'there is no directory /sys/fs/bpf/a'],
  ['a directory of another file system', '/sys/kernel/x', '/sys/kernel is not in a bpffs, where pins live'],
  ['a dot', '/sys/fs/bpf/a.b', 'names in a bpffs have no dots in them'],
])('tells what is wrong with a pin: %s', (_, pathname, want) => {
  const bpf_fd = kernel.bpf('BPF_MAP_CREATE', SOUND);
  expect(whys((k) => k.bpf('BPF_OBJ_PIN', { pathname, bpf_fd }))).toBe(want);
  kernel.close(bpf_fd);
});

it('prints no attributes with the error', () => {
  const error = new SysError(22, 'BPF_PROG_LOAD', { attr: { insns: new Uint8Array(1 << 20) } });
  expect(Object.keys(error)).not.toContain('attr');
  expect(JSON.stringify(error).length).toBeLessThan(200);
});

/** A machine of whose files only these are there, and whose bpf(2) says EPERM. */
function refusing(files: Readonly<Record<string, string>>): Kernel {
  return machine({ files, mounts: {}, bpf: errno.EPERM });
}
const STATUS = (capabilities: string) => `Uid:\t0\t0\t0\t0\nCapEff:\t${capabilities}\nSeccomp:\t0\n`;
const NO_CAPABILITIES = { '/proc/self/status': STATUS('0') };
const CAP_BPF_ALONE = { '/proc/self/status': STATUS('0000008000000000') };

describe('what a machine lacks for a call', () => {
  it.each<[string, Readonly<Record<string, string>>, [string, number, object?], readonly string[]]>([
    ['no capability', NO_CAPABILITIES, ['BPF_BTF_LOAD', errno.EPERM], ['CAP_BPF']],
    [
      'no capability for the network',
      CAP_BPF_ALONE,
      ['BPF_PROG_LOAD', errno.EPERM, { prog_type: progTypeNumber.xdp }],
      ['CAP_NET_ADMIN'],
    ],
    [
      'no capability for tracing',
      CAP_BPF_ALONE,
      ['BPF_PROG_LOAD', errno.EPERM, { prog_type: progTypeNumber.kprobe }],
      ['CAP_PERFMON'],
    ],
    ['ids are for the admin', CAP_BPF_ALONE, ['BPF_MAP_GET_NEXT_ID', errno.EPERM], ['CAP_SYS_ADMIN']],
    [
      'root of a user namespace',
      { '/proc/self/uid_map': '0 1000 1\n' },
      ['BPF_BTF_LOAD', errno.EPERM],
      ['user namespace'],
    ],
    ['nothing but the call itself', {}, ['BPF_BTF_LOAD', errno.EPERM], ['bpf(2)']],
    ['a network that is not its own', NO_CAPABILITIES, ['RTM_NEWTFILTER', errno.EPERM], ['CAP_NET_ADMIN']],
    ['a call that went wrong by itself', NO_CAPABILITIES, ['BPF_BTF_LOAD', errno.E2BIG], []],
  ])('%s', (_, files, [syscall, code, attr], want) => {
    const error = new SysError(code, syscall, attr === undefined ? {} : { attr: { ...attr } });
    const names = explain(refusing(files), error).map(({ why }) => why.replace(/: .*/, ''));
    expect(names).toEqual(want);
  });
});
