import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BtfBuilder, parseBtf } from '../../src/btf/index.ts';
import { type LoadedObject, load, openObject, unregisterStructOps } from '../../src/index.ts';
import { btfBytes, mapInfo } from '../../src/loader/info.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { attachTypeNumber, BPF_F_LINK, mapTypeNumber, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { objectBytes } from '../support/objects.ts';

const object = openObject(objectBytes('test/objects/struct_ops.o'), { file: 'struct_ops.o' });
const KEY = new Uint8Array(4);

/** The code of the error that a call throws, or `done`. */
function answer(call: () => unknown): string {
  try {
    call();
    return 'done';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

/** Where the kernel has a struct of functions, and its members. */
function layoutOf(kernel: Kernel, name: string) {
  const fd = kernel.bpf('BPF_BTF_GET_FD_BY_ID', { btf_id: 1 });
  const btf = parseBtf(btfBytes(kernel, fd));
  kernel.close(fd);
  const valueTypeId = btf.find('struct', `bpf_struct_ops_${name}`) ?? 0;
  const typeId = btf.find('struct', name) ?? 0;
  const [value, struct] = [btf.type(valueTypeId), btf.type(typeId)];
  if (value.kind !== 'struct' || struct.kind !== 'struct') throw new Error(`there is no struct ${name}`);
  const start = (value.members[1]?.bitOffset ?? 0) / 8;
  const index = (member: string) => struct.members.findIndex((other) => other.name === member);
  const offset = (member: string) => start + (struct.members[index(member)]?.bitOffset ?? 0) / 8;
  return { valueTypeId, typeId, size: value.size, index, offset };
}

/** Structs of functions, on every kernel. `names`: the congestion controls that there are. */
export function structOps(kernel: Kernel, names: () => readonly string[]): void {
  describe('a struct of functions', () => {
    let tcp: ReturnType<typeof layoutOf>;
    let dummy: ReturnType<typeof layoutOf>;
    let types: Fd;
    beforeAll(() => {
      tcp = layoutOf(kernel, 'tcp_congestion_ops');
      dummy = layoutOf(kernel, 'bpf_dummy_ops');
      const builder = new BtfBuilder();
      builder.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' });
      const btf = builder.bytes();
      types = kernel.bpf('BPF_BTF_LOAD', { btf, btf_size: btf.length });
    });
    const opened: Fd[] = [];
    afterAll(() => {
      for (const fd of [...opened, types]) kernel.close(fd);
    });
    const keep = (fd: Fd): Fd => {
      opened.push(fd);
      return fd;
    };

    const create = (attr: object = {}) =>
      keep(
        kernel.bpf('BPF_MAP_CREATE', {
          map_type: mapTypeNumber.struct_ops,
          key_size: 4,
          value_size: tcp.size,
          max_entries: 1,
          btf_fd: types,
          btf_vmlinux_value_type_id: tcp.valueTypeId,
          ...attr,
        }),
      );
    const program = (layout: ReturnType<typeof layoutOf>, member: number, insns = [I.mov(0, 0), I.exit], attr = {}) => {
      const code = bytecode(...insns);
      return keep(
        kernel.bpf('BPF_PROG_LOAD', {
          prog_type: progTypeNumber.struct_ops,
          insns: code,
          insn_cnt: code.length / 8,
          license: 'GPL',
          attach_btf_id: layout.typeId,
          expected_attach_type: member,
          ...attr,
        }),
      );
    };
    /** A value with these programs, this name, and what is put over it. */
    const value = (
      functions: Readonly<Record<string, Fd | number>>,
      name = 'skep_contract',
      more: (view: DataView) => void = () => {},
    ) => {
      const bytes = new Uint8Array(tcp.size);
      const view = new DataView(bytes.buffer);
      for (const [member, fd] of Object.entries(functions)) view.setBigUint64(tcp.offset(member), BigInt(fd), true);
      bytes.set(new TextEncoder().encode(name), tcp.offset('name'));
      more(view);
      return bytes;
    };
    const update = (map_fd: Fd, bytes: Uint8Array, flags = 0n) =>
      kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key: KEY, value: bytes, flags });
    const lookup = (map_fd: Fd) => {
      const bytes = new Uint8Array(tcp.size);
      kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key: KEY, value: bytes });
      return new DataView(bytes.buffer);
    };
    const remove = (map_fd: Fd) => kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd, key: KEY });
    /** Programs for what a congestion control has to have. */
    const least = () => ({
      ssthresh: program(tcp, tcp.index('ssthresh')),
      undo_cwnd: program(tcp, tcp.index('undo_cwnd')),
      cong_avoid: program(tcp, tcp.index('cong_avoid')),
    });

    it('is made with the size and type of what the kernel has', () => {
      const fd = create();
      expect(mapInfo(kernel, fd)).toMatchObject({
        type: 'struct_ops',
        valueSize: tcp.size,
        structTypeId: tcp.valueTypeId,
      });
      expect(answer(() => create({ value_size: tcp.size + 8 }))).toBe('EINVAL');
      expect(answer(() => create({ key_size: 8 }))).toBe('EINVAL');
      expect(answer(() => create({ max_entries: 2 }))).toBe('EINVAL');
      expect(answer(() => create({ map_flags: 1 }))).toBe('EINVAL');
      expect(answer(() => create({ btf_vmlinux_value_type_id: 0 }))).toBe('EINVAL');
      expect(answer(() => create({ btf_vmlinux_value_type_id: tcp.typeId }))).toBe('ENOTSUPP');
      expect(answer(() => create({ btf_value_type_id: 1 }))).toBe('EINVAL');
      expect(answer(() => create({ btf_fd: 999 }))).toBe('EBADF');
      expect(answer(() => create({ map_type: mapTypeNumber.array }))).toBe('EINVAL');
    });

    it('programs are for one of its functions', () => {
      const load = (member: number, attr: object = {}, layout = tcp) =>
        answer(() => program(layout, member, undefined, attr));
      expect(load(tcp.index('ssthresh'))).toBe('done');
      expect(load(tcp.index('name'))).toBe('EINVAL');
      expect(load(99)).toBe('EINVAL');
      expect(load(tcp.index('get_info'))).toBe('ENOTSUPP');
      expect(load(0, { license: 'x' })).toBe('EINVAL');
      expect(load(0, { attach_btf_id: 0 })).toBe('ENOTSUPP');
      expect(load(0, { attach_btf_id: 1 })).toBe('ENOTSUPP');
    });

    it.each([
      ['flags', {}, (v: DataView) => v, 1n, 'EINVAL'],
      ['a program that is none', { ssthresh: 999 }, () => {}, 0n, 'EBADF'],
      ['a program for another member', { undo_cwnd: 'ssthresh' }, () => {}, 0n, 'EINVAL'],
      ['no undo_cwnd', { undo_cwnd: 0 }, () => {}, 0n, 'EINVAL'],
      ['no way to grow', { cong_avoid: 0 }, () => {}, 0n, 'EINVAL'],
      ['a state', {}, (v: DataView) => v.setUint32(4, 1, true), 0n, 'EINVAL'],
      ['a count', {}, (v: DataView) => v.setUint32(0, 1, true), 0n, 'EINVAL'],
      ['something in a gap', {}, (v: DataView) => v.setUint8(9, 1), 0n, 'EINVAL'],
      ['flags that no control has', {}, (v: DataView) => v.setUint32(tcp.offset('flags'), 1 << 20, true), 0n, 'EINVAL'],
      ['a number where nothing may be', {}, (v: DataView) => v.setUint32(tcp.offset('key'), 1, true), 0n, 'EINVAL'],
      ['no name', {}, (v: DataView) => v.setUint8(tcp.offset('name'), 0), 0n, 'EINVAL'],
      ['a name with a blank', {}, (v: DataView) => v.setUint8(tcp.offset('name'), 32), 0n, 'EINVAL'],
      [
        "a name of the kernel's",
        {},
        (v: DataView) =>
          new Uint8Array(v.buffer)
            .fill(0, tcp.offset('name'), tcp.offset('name') + 16)
            .set(new TextEncoder().encode('reno'), tcp.offset('name')),
        0n,
        'EEXIST',
      ],
    ] as const)('%s: refused', (_, functions, more, flags, want) => {
      const map = create();
      const all: Record<string, Fd> = least();
      const given = Object.entries(functions).map(([member, fd]) => [member, typeof fd === 'string' ? all[fd] : fd]);
      const bytes = value({ ...all, ...Object.fromEntries(given) }, 'skep_contract', more);
      expect(answer(() => update(map, bytes, flags))).toBe(want);
      expect(names()).not.toContain('skep_contract');
      expect(lookup(map).getUint32(4, true)).toBe(0);
    });

    it('is registered, found, and taken out once', () => {
      const map = create();
      const all = least();
      expect(answer(() => remove(map))).toBe('ENOENT');
      update(map, value(all));
      expect(names()).toContain('skep_contract');
      const seen = lookup(map);
      expect([seen.getUint32(0, true), seen.getUint32(4, true)]).toEqual([1, 1]);
      expect(seen.getBigUint64(tcp.offset('ssthresh'), true)).toBeGreaterThan(0n);
      expect(answer(() => update(map, value(all)))).toBe('EBUSY');
      const second = create();
      expect(answer(() => update(second, value(all)))).toBe('EEXIST');
      expect(
        answer(() => kernel.bpf('BPF_LINK_CREATE', { map_fd: map, attach_type: attachTypeNumber.struct_ops })),
      ).toBe('EINVAL');
      remove(map);
      expect(names()).not.toContain('skep_contract');
      expect(lookup(map).getUint32(4, true)).toBe(2);
      expect(answer(() => remove(map))).toBe('EINPROGRESS');
      expect(
        answer(() => kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd: map, key: KEY, next_key: new Uint8Array(4) })),
      ).toBe('ENOENT');
    });

    it('is registered by a link, which takes another one', () => {
      const [first, second, other] = [0, 1, 2].map(() => create({ map_flags: BPF_F_LINK })) as [Fd, Fd, Fd];
      const all = least();
      const link = (map: Fd) =>
        kernel.bpf('BPF_LINK_CREATE', { map_fd: map, attach_type: attachTypeNumber.struct_ops });
      expect(answer(() => link(first))).toBe('EINVAL');
      for (const map of [first, second]) update(map, value(all, 'skep_linked'));
      update(other, value(all, 'skep_other'));
      expect(names()).not.toContain('skep_linked');
      expect(lookup(first).getUint32(4, true)).toBe(3);
      const fd = link(first);
      expect(names()).toContain('skep_linked');
      expect(answer(() => link(second))).toBe('EEXIST');
      expect(answer(() => remove(first))).toBe('EOPNOTSUPP');
      const exchange = (new_map_fd: Fd, more: object = {}) =>
        answer(() => kernel.bpf('BPF_LINK_UPDATE', { link_fd: fd, new_map_fd, ...more }));
      expect(exchange(other)).toBe('EINVAL');
      expect(exchange(second, { old_map_fd: first })).toBe('EINVAL');
      expect(exchange(second, { old_map_fd: second, flags: 4 })).toBe('EPERM');
      expect(exchange(second, { old_map_fd: first, flags: 4 })).toBe('done');
      expect(names()).toContain('skep_linked');
      kernel.bpf('BPF_LINK_DETACH', { link_fd: fd });
      expect(names()).not.toContain('skep_linked');
      expect(exchange(first)).toBe('ENOLINK');
      kernel.close(fd);
    });

    it("functions of the kernel's own tests run in test runs", () => {
      const run = (fd: Fd, words: readonly bigint[]) => {
        const attr = {
          prog_fd: fd,
          ctx_in: new Uint8Array(BigUint64Array.from(words).buffer),
          ctx_size_in: 8 * words.length,
          retval: 0,
        };
        kernel.bpf('BPF_PROG_TEST_RUN', attr);
        return attr.retval;
      };
      const first = program(dummy, dummy.index('test_1'), [I.mov(0, 0xabcd), I.exit]);
      expect(run(first, [0n])).toBe(0xabcd);
      expect(answer(() => run(first, [0n, 0n]))).toBe('EINVAL');
      const second = program(dummy, dummy.index('test_2'));
      expect(answer(() => run(second, [0n, 1n, 2n, 3n, 4n]))).toBe('EINVAL');
      const ssthresh = program(tcp, tcp.index('ssthresh'));
      expect(answer(() => run(ssthresh, [0n]))).toBe('EOPNOTSUPP');
    });

    it('is none for programs', () => {
      const map = create();
      const code = bytecode(I.mapFd(1, map), I.mov(0, 0), I.exit);
      const load = () =>
        kernel.bpf('BPF_PROG_LOAD', {
          prog_type: progTypeNumber.xdp,
          insns: code,
          insn_cnt: code.length / 8,
          license: 'GPL',
        });
      expect(answer(load)).toBe('EINVAL');
    });
  });

  describe('sections .struct_ops', () => {
    let loaded: LoadedObject;
    beforeAll(() => {
      loaded = load(kernel, object);
    });
    afterAll(() => loaded[Symbol.dispose]());

    it('are loaded, registered and linked', () => {
      expect(Object.keys(loaded.maps)).toEqual(['skep_plain', 'skep_link']);
      const plain = loaded.map('skep_plain');
      const linked = loaded.map('skep_link');
      loaded.registerStructOps('skep_plain');
      expect(names()).toContain('skep_plain');
      const link = loaded.registerStructOps('skep_link');
      expect(names()).toContain('skep_link');
      expect(link?.info).toMatchObject({ type: 'struct_ops', mapId: linked.id, progId: 0 });
      link?.close();
      unregisterStructOps(plain);
      expect(names()).not.toContain('skep_plain');
    });
  });
}
