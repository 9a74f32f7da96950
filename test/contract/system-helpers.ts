import { expect, it } from 'vitest';
import { attachIterator, type LoadedObject, load, openObject, readIterator } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { objectBytes } from '../support/objects.ts';

const [EPERM, ENOENT, EBADF, EFAULT, EEXIST, EINVAL, ERANGE] = [-1, -2, -9, -14, -17, -22, -34];

/** What each program of system_helpers.c leaves in `seen`. */
// biome-ignore format: a row per group of calls
const SEEN: Readonly<Record<string, readonly number[]>> = {
  signals: [0, EINVAL, EINVAL, 0,   0, EINVAL, 0],
  namespace_pid: [0, 1, 1,   EINVAL, 0,   EINVAL, 0,   EINVAL, 0],
  symbols: [0, 0xffffffff,   ENOENT, 0,   EINVAL, 0,   EINVAL, EINVAL],
  types: [1, ENOENT, ENOENT, EINVAL, EINVAL, EINVAL],
  // A map: made, filled, asked, emptied, frozen; what is no command, a frozen map, no type; programs; closing.
  calls_bpf: [1, 0, EEXIST, EINVAL, 0, 0,   EINVAL, EPERM, EINVAL,   1, EINVAL,   0, EBADF, 0, EBADF],
  memory: [EFAULT, 0, EINVAL, 1, 0,   EINVAL, ENOENT],
  stack: [1, 1, EINVAL, EFAULT,   1, EFAULT, 0, EINVAL, EINVAL, EINVAL,   1, EINVAL],
  branches: [EINVAL],
  show_nothing: [EINVAL, EINVAL, EINVAL, ENOENT, ERANGE],
};

const FIELDS = ['data', 'data_end', 'data_meta', 'ingress_ifindex', 'rx_queue_index', 'egress_ifindex'];

/** What those leave in `text` that show a value. */
const SHOWN: Readonly<Record<string, string>> = {
  show_struct: '(struct xdp_md){\n .data = (__u32)1,\n .data_end = (__u32)64,\n .rx_queue_index = (__u32)3,\n}\n',
  show_line: '(struct xdp_md){.data = (__u32)1,.data_end = (__u32)64,}',
  show_zeros: `(struct xdp_md){${FIELDS.map((name, i) => `.${name} = (__u32)${i === 0 ? 1 : 0},`).join('')}}`,
  show_no_names: '{5,[1,3,],7,}',
  show_array:
    '(struct bpf_sock_addr){\n .user_family = (__u32)10,\n .user_ip6 = (__u32[])[\n  1,\n  3,\n  4,\n ],\n}\n',
  show_pointer: '(struct bpf_fentry_test_t){\n .a = (struct bpf_fentry_test_t *)0x0000000000001234,\n}\n',
  show_enum: '(enum bpf_map_type)BPF_MAP_TYPE_LRU_HASH\n',
};

/** The same programs on every kernel. */
export function systemHelpers(kernel: Kernel): void {
  const object = openObject(objectBytes('test/objects/system_helpers.o'), { file: 'system_helpers.o' });
  const only = (name: string) =>
    load(kernel, object, { programs: object.spec.programs.filter((p) => p.name === name) });
  const seen = ({ globals }: LoadedObject) => (globals.seen as bigint[]).map(Number).slice(0, Number(globals.at)); // __s64[64]

  it.each(Object.keys(SEEN))('%s', (name) => {
    using loaded = only(name);
    const { dev, ino } = kernel.stat('/proc/self/ns/pid');
    Object.assign(loaded.globals, { pid_dev: dev, pid_ino: ino });
    loaded.program(name).run({});
    expect(seen(loaded)).toEqual(SEEN[name]);
  });

  it.each(Object.keys(SHOWN))('%s', (name) => {
    using loaded = only(name);
    loaded.program(name).run({});
    expect([seen(loaded)[0], textOf(loaded)]).toEqual([SHOWN[name]?.length, SHOWN[name]]);
  });

  it('a text that is cut', () => {
    using loaded = only('show_cut');
    loaded.program('show_cut').run({});
    expect([seen(loaded)[0], textOf(loaded)]).toEqual([62, '(struct xdp_md){\n .']);
  });

  it('a value in an iterator', () => {
    using loaded = only('show_in_iter');
    using link = attachIterator(loaded.program('show_in_iter'));
    expect(new TextDecoder().decode(readIterator(link))).toBe(SHOWN.show_line);
    expect(seen(loaded)).toEqual([0, EINVAL]);
  });

  it('a stack in a map', () => {
    using loaded = only('stack');
    loaded.program('stack').run({});
    const map_fd = loaded.map('stacks').fd;
    const key = new Uint8Array(Int32Array.of(loaded.globals.stack_id as number).buffer); // __s32
    const value = new Uint8Array(127 * 8);
    kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key, value });
    expect(new BigUint64Array(value.buffer)[0]).toBeGreaterThan(0xffff_ffff_0000_0000n);
    expect(() => kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key, value })).toThrow(/EINVAL|Invalid argument/);
    const next_key = new Uint8Array(4);
    kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd, next_key });
    kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key: next_key, value });
    kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd, key });
    expect(() => kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd, key })).toThrow(/ENOENT|No such/);
    expect(() => kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key, value })).toThrow(/ENOENT|No such/);
  });
}

/** char[512], which is shown as numbers if it has line ends. */
function textOf({ globals }: LoadedObject): string {
  const { text } = globals;
  return Array.isArray(text) ? String.fromCharCode(...text.slice(0, text.indexOf(0)).map(Number)) : String(text);
}
