import { describe, expect, it } from 'vitest';
import { SysError } from '../../src/errors.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { mapTypeNumber, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfProgInfo } from '../../src/uapi/info.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { inProcessKernels } from '../support/in-process.ts';

type Attr = BpfAttr<'BPF_PROG_LOAD'>;

function load(kernel: Kernel, insns: Uint8Array, more: Attr = {}): Fd {
  return kernel.bpf('BPF_PROG_LOAD', {
    prog_type: progTypeNumber.sched_cls,
    insns,
    insn_cnt: insns.length / 8,
    license: 'GPL',
    ...more,
  });
}

/** The errno's name, or `ok`. */
function outcome(call: () => unknown): string {
  try {
    call();
    return 'ok';
  } catch (error) {
    if (error instanceof SysError) return error.code;
    throw error;
  }
}

const RETURN = bytecode(I.mov(0, 0), I.exit);
/** A call of bpf_trace_printk, which is GPL-only. */
const PRINTK = bytecode(
  I.storeImm(8, 10, -8, 0x6968),
  I.movReg(1, 10),
  I.add(1, -8),
  I.mov(2, 8),
  I.call(6),
  I.mov(0, 0),
  I.exit,
);

describe.each(inProcessKernels())('BPF_PROG_LOAD on %s', (_kernel, create) => {
  it.each<[string, Uint8Array, Attr, string]>([
    ['a program', RETURN, {}, 'ok'],
    ['each type of packet program: socket_filter', RETURN, { prog_type: progTypeNumber.socket_filter }, 'ok'],
    ['sched_act', RETURN, { prog_type: progTypeNumber.sched_act }, 'ok'],
    ['xdp, whatever the attach type', RETURN, { prog_type: progTypeNumber.xdp, expected_attach_type: 7 }, 'ok'],
    ['cgroup_skb for ingress', RETURN, { prog_type: progTypeNumber.cgroup_skb, expected_attach_type: 0 }, 'ok'],
    ['cgroup_skb for egress', RETURN, { prog_type: progTypeNumber.cgroup_skb, expected_attach_type: 1 }, 'ok'],
    [
      'cgroup_skb for another hook',
      RETURN,
      { prog_type: progTypeNumber.cgroup_skb, expected_attach_type: 2 },
      'EINVAL',
    ],
    ['a type that no kernel has', RETURN, { prog_type: 200 }, 'EINVAL'],
    ['no instructions', RETURN, { insn_cnt: 0 }, 'E2BIG'],
    ['flags that no kernel has', RETURN, { prog_flags: 1 << 30 }, 'EINVAL'],
    ['flags for tests', RETURN, { prog_flags: 1 | 8 }, 'ok'],
    ['a name', RETURN, { prog_name: 'a.b_C9' }, 'ok'],
    ['a log level without a buffer', RETURN, { log_level: 1 }, 'ok'],
    ['a log level that there is not', RETURN, { log_level: 16 }, 'EINVAL'],
    ['a buffer without a level', RETURN, { log_buf: new Uint8Array(64), log_size: 64 }, 'EINVAL'],
    ['a GPL-only helper with a GPL license', PRINTK, {}, 'ok'],
    ['a GPL-only helper with Dual MIT/GPL', PRINTK, { license: 'Dual MIT/GPL' }, 'ok'],
    ['a GPL-only helper with another license', PRINTK, { license: 'MIT' }, 'EINVAL'],
    ['an fd that is no map', bytecode(I.mapFd(1, 9999), I.mov(0, 0), I.exit), {}, 'EBADF'],
    ['an index without fd_array', bytecode([{ opcode: 0x18, dst: 1, src: 5 }, {}], I.mov(0, 0), I.exit), {}, 'EPROTO'],
    ['a write to r10', bytecode(I.mov(10, 0), I.mov(0, 0), I.exit), {}, 'EACCES'],
    ['XDP with a packet load', bytecode({ opcode: 0x30 }, I.exit), { prog_type: progTypeNumber.xdp }, 'EINVAL'],
  ])('%s', (_name, insns, more, want) => {
    using kernel = create();
    expect(outcome(() => kernel.close(load(kernel, insns, more)))).toBe(want);
  });

  it.each<[string, Uint8Array, string]>([
    ['unreachable', bytecode(I.mov(0, 0), I.exit, I.mov(0, 1), I.exit), 'unreachable insn 2'],
    ['a jump out', bytecode(I.mov(0, 0), I.goto(5), I.exit), 'jump out of range from insn 1 to 7'],
    ['no end', bytecode(I.mov(0, 0), I.mov(1, 0)), 'last insn is not an exit or jmp'],
    ['no opcode', bytecode({ opcode: 0x8f }, I.exit), 'unknown opcode 8f'],
    ['no helper', bytecode(I.call(999), I.exit), 'invalid func unknown#999'],
    [
      'into a wide instruction',
      bytecode(I.mov(0, 0), I.jeq(0, 1, 1), I.imm64(0, 5n), I.exit),
      'jump into the middle of ldimm64 insn 2',
    ],
    [
      'a reserved field',
      bytecode({ opcode: 0x05, dst: 1, off: 0 }, I.mov(0, 0), I.exit),
      'BPF_JA uses reserved fields',
    ],
    ['a division by zero', bytecode(I.mov(0, 1), { opcode: 0x37 }, I.exit), 'div by zero'],
    ['a shift too far', bytecode(I.mov(0, 1), { opcode: 0x67, imm: 64 }, I.exit), 'invalid shift 64'],
    ['a helper of other types', bytecode(I.call(23), I.exit), 'program of this type cannot use helper bpf_redirect#23'],
    ['a call out', bytecode(I.callPc(50), I.exit), 'call to invalid destination'],
    ['no map', bytecode(I.mapFd(1, 9999), I.mov(0, 0), I.exit), 'fd 9999 is not pointing to valid bpf_map'],
  ])('the log says why: %s', (name, insns, want) => {
    using kernel = create();
    const log = new Uint8Array(4096);
    const type = name === 'a helper of other types' ? progTypeNumber.socket_filter : progTypeNumber.sched_cls;
    expect(
      outcome(() => load(kernel, insns, { prog_type: type, log_level: 1, log_buf: log, log_size: log.length })),
    ).not.toBe('ok');
    const lines = new TextDecoder().decode(log.subarray(0, log.indexOf(0))).split('\n');
    expect(lines).toContain(want);
    expect(lines.at(-2)).toMatch(/^processed \d+ insns \(limit 1000000\)/);
  });

  it('a log that does not fit is ENOSPC also for a good program, and says its size; the tail is kept, or the head', () => {
    using kernel = create();
    const attempt = (level: number, size: number): [string, number | undefined, string] => {
      const log = new Uint8Array(size);
      const attr: Attr = {
        prog_type: progTypeNumber.sched_cls,
        insns: RETURN,
        insn_cnt: 2,
        license: 'GPL',
        log_level: level,
        log_buf: log,
        log_size: size,
      };
      const result = outcome(() => kernel.close(kernel.bpf('BPF_PROG_LOAD', attr)));
      return [result, attr.log_true_size, new TextDecoder().decode(log.subarray(0, log.indexOf(0)))];
    };
    const [result, size = 0, whole] = attempt(1, 4096);
    expect([result, size]).toEqual(['ok', whole.length + 1]);
    expect(attempt(1, size)).toEqual(['ok', size, whole]);
    expect(attempt(1, size - 1)).toEqual(['ENOSPC', size, whole.slice(1)]);
    expect(attempt(1 | 8, size - 1)).toEqual(['ENOSPC', size, whole.slice(0, -1)]);
  });

  it('shows tag, license, maps and code with the maps as ids', () => {
    using kernel = create();
    const map = kernel.bpf('BPF_MAP_CREATE', {
      map_type: mapTypeNumber.array,
      key_size: 4,
      value_size: 8,
      max_entries: 1,
    });
    const insns = bytecode(I.mapFd(1, map), I.mapValue(2, map, 4), I.mov(0, 0), I.exit);
    const prog = load(kernel, insns, { prog_name: 'shown' });
    const info = new Uint8Array(bpfProgInfo.size);
    kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: prog, info, info_len: info.length });
    const first = bpfProgInfo.decode(info);
    expect(first).toMatchObject({
      type: progTypeNumber.sched_cls,
      name: 'shown',
      gpl_compatible: 1,
      nr_map_ids: 1,
      xlated_prog_len: 48,
    });
    const ids = new Uint8Array(4);
    const xlated = new Uint8Array(48);
    const again = bpfProgInfo.encode({ nr_map_ids: 1, xlated_prog_len: 48 });
    kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', {
      bpf_fd: prog,
      info: again,
      info_len: again.length,
      arrays: { map_ids: ids, xlated_prog_insns: xlated },
    });
    const id = new DataView(ids.buffer).getUint32(0, true);
    expect(xlated).toEqual(bytecode(I.mapFd(1, id), I.mapValue(2, id, 4), I.mov(0, 0), I.exit));
    // The same code with another map has the same tag.
    const other = kernel.bpf('BPF_MAP_CREATE', {
      map_type: mapTypeNumber.array,
      key_size: 4,
      value_size: 16,
      max_entries: 1,
    });
    const twin = load(kernel, bytecode(I.mapFd(1, other), I.mapValue(2, other, 8), I.mov(0, 0), I.exit));
    const twinInfo = new Uint8Array(bpfProgInfo.size);
    kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: twin, info: twinInfo, info_len: twinInfo.length });
    expect(bpfProgInfo.decode(twinInfo).tag).toEqual(first.tag);
    for (const fd of [map, other, prog, twin]) kernel.close(fd);
  });

  it.each<[string, number, number, number, number, string]>([
    ['within the value', mapTypeNumber.array, 8, 1, 4, 'ok'],
    ['at the end of the value', mapTypeNumber.array, 8, 1, 8, 'EINVAL'],
    ['of an array of two', mapTypeNumber.array, 8, 2, 0, 'ENOTSUPP'],
    ['of a hash', mapTypeNumber.hash, 8, 1, 0, 'EINVAL'],
  ])('a direct value %s', (_name, type, size, entries, offset, want) => {
    using kernel = create();
    const map = kernel.bpf('BPF_MAP_CREATE', { map_type: type, key_size: 4, value_size: size, max_entries: entries });
    expect(outcome(() => kernel.close(load(kernel, bytecode(I.mapValue(1, map, offset), I.mov(0, 0), I.exit))))).toBe(
      want,
    );
    kernel.close(map);
  });
});
