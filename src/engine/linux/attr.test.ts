import { describe, expect, it } from 'vitest';
import { linuxWorks, loading, u32, withLinux } from '../../../test/support/linux.ts';
import { counting, returning } from '../../../test/support/programs.ts';
import type { BpfAttr, BpfCmd } from '../../uapi/attr.ts';
import type { Fd } from '../../uapi/fd.ts';
import { bpfProgInfo } from '../../uapi/info.ts';
import { PERF_ATTR_DISABLED, PERF_TYPE_SOFTWARE } from '../../uapi/perf.ts';
import { createLinuxKernel } from './index.ts';

const works = linuxWorks();
const code = (name: string) => expect.objectContaining({ name: 'SysError', code: name });

describe.skipIf(!works)('arguments that the kernel must not see', () => {
  const bad = (cmd: BpfCmd, attr: (map: Fd, program: Fd) => object) => [cmd, attr] as const;
  // biome-ignore format: one case a line
  it.each([
    ['a value shorter than the map has', bad('BPF_MAP_LOOKUP_ELEM', (map_fd) => ({ map_fd, key: u32(0), value: new Uint8Array(7) })), 'EFAULT'],
    ['a key shorter than the map has', bad('BPF_MAP_UPDATE_ELEM', (map_fd) => ({ map_fd, key: new Uint8Array(3), value: new Uint8Array(8) })), 'EFAULT'],
    ['no key', bad('BPF_MAP_LOOKUP_ELEM', (map_fd) => ({ map_fd, value: new Uint8Array(8) })), 'EFAULT'],
    ['no value', bad('BPF_MAP_LOOKUP_ELEM', (map_fd) => ({ map_fd, key: u32(0) })), 'EFAULT'],
    ['a short next key', bad('BPF_MAP_GET_NEXT_KEY', (map_fd) => ({ map_fd, next_key: new Uint8Array(3) })), 'EFAULT'],
    ['a short key to delete', bad('BPF_MAP_DELETE_ELEM', (map_fd) => ({ map_fd, key: new Uint8Array(0) })), 'EFAULT'],
    ['more values than there is room for', bad('BPF_MAP_LOOKUP_BATCH', (map_fd) => ({ map_fd, count: 3, out_batch: u32(0), keys: new Uint8Array(12), values: new Uint8Array(23)})), 'EFAULT'],
    ['a count beyond all memory', bad('BPF_MAP_LOOKUP_BATCH', (map_fd) => ({ map_fd, count: 0xffffffff, out_batch: u32(0), keys: new Uint8Array(12), values: new Uint8Array(24)})), 'EFAULT'],
    ['fewer instructions than are counted', bad('BPF_PROG_LOAD', () => loading(returning(0), { insn_cnt: 3 })), 'EFAULT'],
    ['a log buffer that is not so long', bad('BPF_PROG_LOAD', () => loading(returning(0), { log_level: 1, log_size: 4096, log_buf: new Uint8Array(4095) })), 'EFAULT'],
    ['a program that is no map', bad('BPF_MAP_LOOKUP_ELEM', (_map, map_fd) => ({ map_fd, key: u32(0), value: new Uint8Array(8) })), 'EINVAL'],
    ['an fd that is none', bad('BPF_MAP_LOOKUP_ELEM', () => ({ map_fd: 99999, key: u32(0), value: new Uint8Array(8) })), 'EBADF'],
    ['no fd', bad('BPF_MAP_LOOKUP_ELEM', () => ({ map_fd: 1.5, key: u32(0), value: new Uint8Array(8) })), 'EINVAL'],
    ['an fd of another type', bad('BPF_MAP_LOOKUP_ELEM', () => ({ map_fd: 'x', key: u32(0), value: new Uint8Array(8) })), 'EINVAL'],
    ['a number where a buffer is due', bad('BPF_MAP_LOOKUP_ELEM', (map_fd) => ({ map_fd, key: 7, value: new Uint8Array(8) })), 'EINVAL'],
    ['a number where a bigint is due', bad('BPF_MAP_UPDATE_ELEM', (map_fd) => ({ map_fd, key: u32(0), value: new Uint8Array(8), flags: 1 })), 'EINVAL'],
    ['a number of 33 bits', bad('BPF_MAP_CREATE', () => ({ map_type: 2 ** 32 })), 'EINVAL'],
    ['a name of 16 bytes', bad('BPF_MAP_CREATE', () => ({ map_type: 2, key_size: 4, value_size: 4, max_entries: 1, map_name: 'abcdefghijklmnop'})), 'EINVAL'],
    ['a packet without room for the answer', bad('BPF_PROG_TEST_RUN', (_map, prog_fd) => ({ prog_fd, data_in: new Uint8Array(64), data_size_in: 64, data_out: new Uint8Array(64)})), 'EFAULT'],
    ['room for an answer that is not there', bad('BPF_PROG_TEST_RUN', (_map, prog_fd) => ({ prog_fd, data_in: new Uint8Array(64), data_size_in: 64, data_out: new Uint8Array(64), data_size_out: 65})), 'EFAULT'],
    ['an info struct that is not so long', bad('BPF_OBJ_GET_INFO_BY_FD', (bpf_fd) => ({ bpf_fd, info_len: 104, info: new Uint8Array(103) })), 'EFAULT'],
    ['an info length below zero', bad('BPF_OBJ_GET_INFO_BY_FD', (bpf_fd) => ({ bpf_fd, info_len: -1, info: new Uint8Array(104) })), 'EFAULT'],
    ['no info struct', bad('BPF_OBJ_GET_INFO_BY_FD', (bpf_fd) => ({ bpf_fd, info_len: 104 })), 'EFAULT'],
    ['an info struct that says more than is known', bad('BPF_OBJ_GET_INFO_BY_FD', (bpf_fd) => ({ bpf_fd, info_len: 300, info: new Uint8Array(300).fill(1) })), 'E2BIG'],
    ['an array that maps do not have', bad('BPF_OBJ_GET_INFO_BY_FD', (bpf_fd) => ({ bpf_fd, info_len: 104, info: new Uint8Array(104), arrays: { map_ids: new Uint8Array(4) }})), 'EINVAL'],
    ['an array with a strange name', bad('BPF_OBJ_GET_INFO_BY_FD', (bpf_fd) => ({ bpf_fd, info_len: 104, info: new Uint8Array(104), arrays: { constructor: new Uint8Array(4) }})), 'EINVAL'],
    ['more ids than there is room for', bad('BPF_OBJ_GET_INFO_BY_FD', (_map, bpf_fd) => ({ bpf_fd, info_len: 232, info: bpfProgInfo.encode({ nr_map_ids: 2 }), arrays: { map_ids: new Uint8Array(4) }})), 'EFAULT'],
    ['an address of its own', bad('BPF_OBJ_GET_INFO_BY_FD', (_map, bpf_fd) => ({ bpf_fd, info_len: 232, info: bpfProgInfo.encode({ nr_map_ids: 1, map_ids: 4096n })})), 'EFAULT'],
    ['two names of the same bytes', bad('BPF_LINK_CREATE', (_map, prog_fd) => ({ prog_fd, attach_type: 46, 'tcx.relative_fd': 9, 'kprobe_multi.flags': 1 })), 'EINVAL'],
    ['fewer symbols than are counted', bad('BPF_LINK_CREATE', (_map, prog_fd) => ({ prog_fd, attach_type: 42, 'kprobe_multi.cnt': 2, 'kprobe_multi.syms': ['do_exit'] })), 'EFAULT'],
    ['fewer addresses than are counted', bad('BPF_LINK_CREATE', (_map, prog_fd) => ({ prog_fd, attach_type: 42, 'kprobe_multi.cnt': 2, 'kprobe_multi.addrs': new Uint8Array(15) })), 'EFAULT'],
    ['a symbol with a NUL in it', bad('BPF_LINK_CREATE', (_map, prog_fd) => ({ prog_fd, attach_type: 42, 'kprobe_multi.cnt': 1, 'kprobe_multi.syms': ['do\0exit'] })), 'EINVAL'],
    ['a symbol that is no text', bad('BPF_LINK_CREATE', (_map, prog_fd) => ({ prog_fd, attach_type: 42, 'kprobe_multi.cnt': 1, 'kprobe_multi.syms': [7] })), 'EINVAL'],
    ['a stream into no room', bad('BPF_PROG_STREAM_READ_BY_FD', (_map, prog_fd) => ({ prog_fd, stream_id: 1, stream_buf: new Uint8Array(4), stream_buf_len: 5 })), 'EFAULT'],
  ] as const)('%s', (_name, [cmd, attr], want) =>
    withLinux((kernel, opened) => {
      const map = kernel.bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: 8, max_entries: 4 });
      const program = kernel.bpf('BPF_PROG_LOAD', loading(counting(map, 0)));
      opened.push(map, program);
      // The point is what the types forbid.
      expect(() => kernel.bpf(cmd, attr(map, program) as BpfAttr<typeof cmd>)).toThrow(code(want));
    }),
  );

  it.each<[string, object]>([
    ['a field that there is not', { type: 1, wakeup: 1 }],
    ['a name and a number at one place', { type: 8, kprobe_func: 'do_exit', config1: 4096n }],
    ['a number that is no bigint', { type: 1, config: 1 }],
    ['a size', { type: 1, size: 4096 }],
    ['a NUL', { type: 8, kprobe_func: 'do_exit\0' }],
  ])('perf_event_open: %s', (_name, attr) =>
    withLinux((kernel) => {
      expect(() => kernel.perfEventOpen(attr, 0, -1, -1, 0)).toThrow(code('EINVAL'));
    }),
  );

  it('perf_event_open and ioctl work on what is right', () =>
    withLinux((kernel, opened) => {
      const event = kernel.perfEventOpen(
        { type: PERF_TYPE_SOFTWARE, config: 1n, flags: PERF_ATTR_DISABLED },
        0,
        -1,
        -1,
        0,
      );
      opened.push(event);
      kernel.ioctl(event, 'PERF_EVENT_IOC_ENABLE', 0);
      const program = kernel.bpf('BPF_PROG_LOAD', loading(returning(0)));
      opened.push(program);
      expect(() => kernel.ioctl(event, 'PERF_EVENT_IOC_SET_BPF', program)).toThrow(code('EINVAL'));
      expect(() => kernel.ioctl(program, 'PERF_EVENT_IOC_ENABLE', 0)).toThrow(code('ENOTTY'));
      expect(() => kernel.ioctl(event, 'TIOCSTI' as 'PERF_EVENT_IOC_ENABLE', 0)).toThrow(code('EINVAL')); // what the types forbid
      expect(() => kernel.ioctl(event, 'PERF_EVENT_IOC_ENABLE', -1)).toThrow(code('EINVAL'));
      expect(() => kernel.perfEventOpen({ type: PERF_TYPE_SOFTWARE }, 2 ** 40, -1, -1, 0)).toThrow(code('EINVAL'));
    }));

  it('an unknown command', () =>
    withLinux((kernel) => {
      expect(() => kernel.bpf('BPF_NOPE' as BpfCmd, {})).toThrow(code('EINVAL'));
    }));

  it('anything after the end', () => {
    const kernel = createLinuxKernel();
    kernel[Symbol.dispose]();
    expect(() => kernel.bpf('BPF_MAP_CREATE', { map_type: 2 })).toThrow(code('EBADF'));
    expect(() => kernel.netlink(new Uint8Array(Uint32Array.of(16, 1, 0, 0).buffer))).toThrow(code('EBADF'));
  });
});
