import { describe, expect, it } from 'vitest';
import { concatBytes } from '../bytes/plain.ts';
import { NotSupportedError, SysError } from '../errors.ts';
import { encodeAck, encodeDone } from '../net/ack.ts';

import { encodeMessage, splitMessages } from '../net/message.ts';
import type { BpfAttr, BpfCmd } from '../uapi/attr.ts';
import { BPF_F_NO_PREALLOC, BPF_F_RDONLY_PROG } from '../uapi/bpf.ts';
import { errno } from '../uapi/errno.ts';
import type { Fd } from '../uapi/fd.ts';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, RTM_GETLINK, RTM_NEWTFILTER } from '../uapi/netlink.ts';
import { type Kernel, MS_BIND, MS_REC, O_NONBLOCK, O_RDONLY, O_RDWR, S_IFDIR } from './kernel.ts';
import { strace } from './strace.ts';

const fd = (n: number) => n as Fd; // the brand's origin

/** A kernel in which every call that changes nothing succeeds, and a few fail. */
function answering(calls: Partial<Kernel>): Kernel {
  const nothing = () => undefined;
  const refuse = (): never => {
    throw new NotSupportedError('this call');
  };
  return {
    name: 'answering',
    bpf: refuse,
    netlink: refuse,
    perfEventOpen: refuse,
    ioctl: nothing,
    open: refuse,
    read: refuse,
    close: nothing,
    mmap: refuse,
    stat: refuse,
    lstat: refuse,
    fsType: refuse,
    readdir: refuse,
    readlink: refuse,
    chmod: nothing,
    chown: nothing,
    mkdir: nothing,
    rmdir: nothing,
    unlink: nothing,
    rename: nothing,
    symlink: nothing,
    mount: nothing,
    bindFds: refuse,
    sendFds: nothing,
    receiveFds: refuse,
    wait: async () => [],
    [Symbol.dispose]: nothing,
    ...calls,
  };
}

/** The lines of what `use` does; errors are in the lines. */
async function lines(calls: Partial<Kernel>, use: (kernel: Kernel) => unknown): Promise<string[]> {
  const written: string[] = [];
  const kernel = strace(answering(calls), (line) => written.push(line));
  try {
    await use(kernel);
  } catch (error) {
    written.push(`threw ${error instanceof Error ? error.name : error}`);
  }
  return written;
}

/** What the row's kernel answers to bpf(2), after changing `attr` as a kernel does. */
type Answer = (attr: Record<string, unknown>) => number | undefined;

describe('strace', () => {
  it.each<[string, BpfCmd, object, Answer, string]>([
    [
      'names, sizes and flags',
      'BPF_MAP_CREATE',
      {
        map_type: 1,
        key_size: 4,
        value_size: 8,
        max_entries: 16,
        map_flags: BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG,
        map_name: 'm',
        numa_node: 0,
      },
      () => 3,
      'bpf(BPF_MAP_CREATE, {map_type=BPF_MAP_TYPE_HASH, key_size=4, value_size=8, max_entries=16, map_flags=BPF_F_NO_PREALLOC|BPF_F_RDONLY_PROG, map_name="m"}) = 3',
    ],
    [
      'an enum without a name, and a flag without one',
      'BPF_MAP_CREATE',
      { map_type: 77, map_flags: 1 << 30 },
      () => 3,
      'bpf(BPF_MAP_CREATE, {map_type=77, map_flags=0x40000000}) = 3',
    ],
    [
      'buffers as the call left them',
      'BPF_MAP_LOOKUP_ELEM',
      { map_fd: 0, key: Uint8Array.of(1, 2), value: new Uint8Array(3) },
      ({ value }) => {
        if (value instanceof Uint8Array) value.fill(0xab);
        return undefined;
      },
      'bpf(BPF_MAP_LOOKUP_ELEM, {map_fd=0, key=0x0102/2, value=0xababab/3}) = 0',
    ],
    [
      'of a union, the names that were given',
      'BPF_LINK_CREATE',
      {
        prog_fd: 3,
        target_ifindex: 2,
        attach_type: 46,
        flags: 8 | (1 << 13),
        'tcx.relative_fd': 4,
        'tcx.expected_revision': 7n,
      },
      () => 5,
      'bpf(BPF_LINK_CREATE, {prog_fd=3, target_ifindex=2, attach_type=BPF_TCX_INGRESS, flags=BPF_F_BEFORE|BPF_F_LINK, tcx.relative_fd=4, tcx.expected_revision=7}) = 5',
    ],
    [
      'lists of names',
      'BPF_LINK_CREATE',
      { prog_fd: 3, attach_type: 42, 'kprobe_multi.cnt': 2, 'kprobe_multi.syms': ['do_exit', 'vfs_read'] },
      () => 5,
      'bpf(BPF_LINK_CREATE, {prog_fd=3, attach_type=BPF_TRACE_KPROBE_MULTI, kprobe_multi.cnt=2, kprobe_multi.syms=["do_exit", "vfs_read"]}) = 5',
    ],
    [
      'long buffers cut',
      'BPF_MAP_UPDATE_ELEM',
      { map_fd: 3, value: new Uint8Array(100).fill(1), flags: 1n },
      () => undefined,
      `bpf(BPF_MAP_UPDATE_ELEM, {map_fd=3, value=0x${'01'.repeat(32)}…/100, flags=BPF_NOEXIST}) = 0`,
    ],
    [
      'numbers that the kernel changes',
      'BPF_MAP_LOOKUP_BATCH',
      { map_fd: 3, count: 100 },
      (attr) => {
        attr.count = 7;
        return undefined;
      },
      'bpf(BPF_MAP_LOOKUP_BATCH, {count=100 => 7, map_fd=3}) = 0',
    ],
    [
      'numbers that the kernel fills in',
      'BPF_PROG_GET_NEXT_ID',
      { start_id: 4 },
      (attr) => {
        attr.next_id = 9;
        return undefined;
      },
      'bpf(BPF_PROG_GET_NEXT_ID, {start_id=4, next_id=9}) = 0',
    ],
    [
      'arrays',
      'BPF_OBJ_GET_INFO_BY_FD',
      { bpf_fd: 3, info_len: 4, info: new Uint8Array(4), arrays: { map_ids: new Uint8Array(4) } },
      () => undefined,
      'bpf(BPF_OBJ_GET_INFO_BY_FD, {bpf_fd=3, info_len=4, info=0x00000000/4, arrays={map_ids=0x00000000/4}}) = 0',
    ],
    [
      'values of a type that they must not have',
      'BPF_MAP_LOOKUP_ELEM',
      { map_fd: 'x', key: 5, flags: null },
      () => undefined,
      'bpf(BPF_MAP_LOOKUP_ELEM, {map_fd=x, key=?, flags=0x0}) = 0',
    ],
  ])('prints %s', async (_name, cmd, attr, answer, want) => {
    const bpf = ((_cmd: BpfCmd, given: Record<string, unknown>) => answer(given)) as Kernel['bpf']; // by the row
    expect(await lines({ bpf }, (kernel) => kernel.bpf(cmd, attr as BpfAttr<BpfCmd>))).toEqual([want]);
  });

  it('prints errors, and lets them through', async () => {
    const refused = new SysError(errno.ENOENT, 'BPF_OBJ_GET');
    const bpf = () => {
      throw refused;
    };
    expect(await lines({ bpf }, (kernel) => kernel.bpf('BPF_OBJ_GET', { pathname: '/sys/fs/bpf/x' }))).toEqual([
      'bpf(BPF_OBJ_GET, {pathname="/sys/fs/bpf/x"}) = -1 ENOENT (No such file or directory)',
      'threw SysError',
    ]);
    expect(await lines({}, (kernel) => kernel.readdir('/x'))).toEqual([
      'readdir("/x") = ? NotSupportedError: this call is not supported',
      'threw NotSupportedError',
    ]);
  });

  it('prints netlink messages by type and flags, and how they went', async () => {
    const ask = (type: number, flags: number) =>
      encodeMessage({ type, flags: flags | NLM_F_REQUEST, seq: 1, pid: 0, payload: Uint8Array.of(1, 2, 3, 4) });
    const answers = [
      (message: Uint8Array) =>
        concatBytes(splitMessages(message).flatMap((m) => [encodeMessage({ ...m, type: 16 }), encodeDone(m)])),
      (message: Uint8Array) =>
        concatBytes(splitMessages(message).map((m) => encodeAck(m, { errno: 17, text: 'Filter already exists' }))),
      () => Uint8Array.of(1, 2, 3),
    ];
    const netlink = (message: Uint8Array) => answers.shift()?.(message) ?? new Uint8Array(0);
    const use = (kernel: Kernel) => {
      kernel.netlink(ask(RTM_GETLINK, NLM_F_DUMP));
      kernel.netlink(ask(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL));
      kernel.netlink(Uint8Array.of(9));
    };
    expect(await lines({ netlink }, use)).toEqual([
      'netlink([{nlmsg_type=RTM_GETLINK, nlmsg_flags=NLM_F_REQUEST|NLM_F_DUMP, payload=0x01020304/4}]) = 1 messages (40 bytes)',
      'netlink([{nlmsg_type=RTM_NEWTFILTER, nlmsg_flags=NLM_F_REQUEST|NLM_F_EXCL|NLM_F_CREATE, payload=0x01020304/4}]) = -1 EEXIST (File exists: Filter already exists)',
      'netlink(0x09/1) = 0x010203/3',
    ]);
  });

  it.each<[Partial<Kernel>, (kernel: Kernel) => unknown, string]>([
    [{ open: () => fd(5) }, (k) => k.open('/a "b"', O_RDONLY), 'open("/a \\"b\\"", O_RDONLY) = 5'],
    [{ open: () => fd(5) }, (k) => k.open('/a', O_RDWR | O_NONBLOCK, 0o600), 'open("/a", O_RDWR|O_NONBLOCK, 0600) = 5'],
    [
      { read: (_fd, buffer) => buffer.fill(7).length - 1 },
      (k) => k.read(fd(3), new Uint8Array(3)),
      'read(3, 0x0707/2, 3) = 2',
    ],
    [{}, (k) => k.close(fd(3)), 'close(3) = 0'],
    [
      { stat: () => ({ mode: S_IFDIR | 0o1777, ino: 2n, dev: 1n, nlink: 3, uid: 0, gid: 0, size: 0 }) },
      (k) => k.stat('/d'),
      'stat("/d", {st_mode=S_IFDIR|01777, st_ino=2, st_nlink=3}) = 0',
    ],
    [{ fsType: () => 0xcafe4a11 }, (k) => k.fsType('/d'), 'statfs("/d", {f_type=0xcafe4a11}) = 0'],
    [{ readdir: () => ['a', 'b'] }, (k) => k.readdir('/d'), 'readdir("/d") = ["a", "b"]'],
    [{ readlink: () => '/t' }, (k) => k.readlink('/l'), 'readlink("/l") = "/t"'],
    [{}, (k) => k.mkdir('/d', 0o700), 'mkdir("/d", 0700) = 0'],
    [{}, (k) => k.rmdir('/d'), 'rmdir("/d") = 0'],
    [{}, (k) => k.unlink('/d'), 'unlink("/d") = 0'],
    [{}, (k) => k.rename('/a', '/b'), 'rename("/a", "/b") = 0'],
    [{}, (k) => k.symlink('/a', '/b'), 'symlink("/a", "/b") = 0'],
    [{}, (k) => k.mount('a', '/b', 'bpf', 0, 'mode=0700'), 'mount("a", "/b", "bpf", 0, "mode=0700") = 0'],
    [{}, (k) => k.mount('a', '/b', '', MS_BIND | MS_REC, ''), 'mount("a", "/b", "", MS_BIND|MS_REC, "") = 0'],
    [
      { perfEventOpen: () => fd(4) },
      (k) =>
        k.perfEventOpen({ type: 8, config: 1n, kprobe_func: 'do_exit', probe_offset: 0n, flags: 1n }, -1, 0, -1, 8),
      'perf_event_open({type=8, config=1, kprobe_func="do_exit", flags=0x1}, -1, 0, -1, 0x8) = 4',
    ],
    [
      { mmap: () => ({ bytes: new Uint8Array(8), write: () => undefined, [Symbol.dispose]: () => undefined }) },
      (k) => k.mmap(fd(4), 8, 'read'),
      'mmap(4, 8, PROT_READ, 0) = 8 bytes',
    ],
    [{}, (k) => k.ioctl(fd(4), 'PERF_EVENT_IOC_SET_BPF', 3), 'ioctl(4, PERF_EVENT_IOC_SET_BPF, 3) = 0'],
    [{ bindFds: () => fd(6) }, (k) => k.bindFds('/a'), 'bind({sun_path="/a"}) = 6'],
    [
      {},
      (k) => k.sendFds('/a', Uint8Array.of(1), [fd(3), fd(4)]),
      'sendmsg({sun_path="/a"}, 0x01/1, SCM_RIGHTS [3, 4]) = 0',
    ],
    [
      {
        receiveFds: () => ({
          data: Uint8Array.of(1),
          fds: [fd(9)],
          truncated: true,
          sender: { pid: 1, uid: 2, gid: 3 },
        }),
      },
      (k) => k.receiveFds(fd(6)),
      'recvmsg(6, 0x01/1, SCM_RIGHTS [9], SCM_CREDENTIALS {pid=1, uid=2, gid=3}, MSG_CTRUNC) = 1',
    ],
    [{ wait: async () => [fd(3)] }, (k) => k.wait([fd(3), fd(4)], { timeoutMs: 9 }), 'poll([3, 4], 9) = 1 [3]'],
  ])('prints files: %#', async (calls, use, want) => {
    expect(await lines(calls, use)).toEqual([want]);
  });

  it('hands over what the kernel answers', async () => {
    const kernel = strace(answering({ readdir: () => ['x'], wait: async (fds) => [...fds] }), () => undefined);
    expect(kernel.readdir('/')).toEqual(['x']);
    expect(await kernel.wait([fd(1)])).toEqual([1]);
  });
});
