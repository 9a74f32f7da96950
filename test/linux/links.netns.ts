import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseBtf } from '../../src/btf/index.ts';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { SysError } from '../../src/errors.ts';
import { findCgroups } from '../../src/loader/cgroups.ts';
import { addDevice, deleteDevice, findDevice, setDeviceUp } from '../../src/loader/devices.ts';
import {
  attachBySection,
  attachIterator,
  attachKprobe,
  attachNetfilter,
  attachPerfEvent,
  attachProgramToCgroup,
  attachProgramToDevice,
  attachRawTracepoint,
  attachToCgroup,
  attachToDevice,
  attachToNetns,
  attachToSockmap,
  attachTracepoint,
  attachUprobe,
  attachUprobeMulti,
  attachXdp,
  BpfLink,
  BpfMap,
  BpfProgram,
  clearFlowDissector,
  detachFromSockmap,
  detachProgramFromCgroup,
  detachProgramFromDevice,
  linkToSockmap,
  listLinks,
  openLink,
  queryPrograms,
  readIterator,
  setFlowDissector,
  setXdp,
} from '../../src/loader/index.ts';
import { encodeLink, request } from '../../src/net/index.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { attachTypeNumber, mapTypeNumber, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import { NLM_F_CREATE, NLM_F_EXCL, RTM_NEWLINK } from '../../src/uapi/netlink.ts';
import { PERF_COUNT_SW_CPU_CLOCK, PERF_TYPE_SOFTWARE } from '../../src/uapi/perf.ts';
import { counting, returning } from '../support/programs.ts';
import { isAtLeast, running, skipBefore } from '../support/since.ts';

const kernel = createLinuxKernel();
const CGROUP = `${findCgroups(kernel)}/skep-links-${process.pid}`;
const code = (name: string) => expect.objectContaining({ name: 'SysError', code: name });

/** A map of one counter. */
class Counter implements Disposable {
  readonly map = new BpfMap(
    kernel,
    kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber.array, key_size: 4, value_size: 8, max_entries: 1 }),
  );
  get value(): bigint {
    return new DataView(this.map.getBytes(new Uint8Array(4))?.buffer ?? new ArrayBuffer(8)).getBigUint64(0, true);
  }
  [Symbol.dispose](): void {
    this.map.close();
  }
}

function load(type: ProgType, insns: Uint8Array, attr: BpfAttr<'BPF_PROG_LOAD'> = {}): BpfProgram {
  const whole = { prog_type: progTypeNumber[type], insns, insn_cnt: insns.length / 8, license: 'GPL', ...attr };
  return new BpfProgram(kernel, kernel.bpf('BPF_PROG_LOAD', whole));
}

/** Loads a program that counts its runs, and shows that it runs after `attach`, and no more after what that returns is closed. */
async function runs(
  type: ProgType,
  value: number,
  attr: BpfAttr<'BPF_PROG_LOAD'>,
  attach: (program: BpfProgram) => Disposable,
  cause: () => unknown,
): Promise<void> {
  using counter = new Counter();
  using program = load(type, counting(counter.map.fd, value), attr);
  {
    using _attached = attach(program);
    await cause();
    await eventually(() => counter.value > 0n);
    expect(program.attachments.size).toBe(1);
  }
  expect(program.attachments.size).toBe(0);
  const before = counter.value;
  await cause();
  expect(counter.value).toBe(before);
}

async function eventually(isTrue: () => boolean): Promise<void> {
  const end = Date.now() + 5000;
  while (!isTrue()) {
    if (Date.now() > end) throw new Error('it did not become true within 5 seconds');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A datagram from this process to itself. */
function datagram(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', () => {
      socket.send('x', socket.address().port, '127.0.0.1', () => setTimeout(() => socket.close(() => resolve()), 20));
    });
  });
}

beforeAll(() => {
  addDevice(kernel, { kind: 'veth', name: 'v0', peer: 'v1' });
  setDeviceUp(kernel, 'lo', true);
  mkdirSync(CGROUP);
});
afterAll(() => {
  rmdirSync(CGROUP);
  kernel[Symbol.dispose]();
});

describe('devices', () => {
  it('netkit: an order, links and a revision, for both ends', (context) => {
    try {
      const message = encodeLink({ ifindex: 0, name: 'primary', kind: 'netkit' });
      request(kernel, 'device primary', RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, message);
    } catch (error) {
      if (!(error instanceof SysError) || error.code !== 'EOPNOTSUPP') throw error;
      context.skip('this kernel has no netkit devices');
    }
    using a = load('sched_cls', returning(-1), { expected_attach_type: attachTypeNumber.netkit_primary });
    using b = load('sched_cls', returning(-1), { expected_attach_type: attachTypeNumber.netkit_primary });
    using peer = load('sched_cls', returning(0), { expected_attach_type: attachTypeNumber.netkit_peer });
    const at = (hook: 'netkit_primary' | 'netkit_peer') => queryPrograms(kernel, { device: 'primary' }, hook);
    attachProgramToDevice(a, 'primary', 'netkit_primary');
    using link = attachToDevice(b, 'primary', 'netkit_primary', { before: a });
    using other = attachToDevice(peer, 'primary', 'netkit_peer');
    expect(at('netkit_primary').programs.map(({ id, linkId }) => [id, linkId])).toEqual([
      [b.id, link.id],
      [a.id, undefined],
    ]);
    expect(at('netkit_peer').programs.map(({ id }) => id)).toEqual([peer.id]);
    const { ifindex } = findDevice(kernel, 'primary');
    expect(link.info).toMatchObject({ type: 'netkit', ifindex, attachType: 'netkit_primary' });
    expect(other.info).toMatchObject({ type: 'netkit', attachType: 'netkit_peer' });
    const { revision } = at('netkit_primary');
    using c = load('sched_cls', returning(-1), { expected_attach_type: attachTypeNumber.netkit_primary });
    attachProgramToDevice(c, 'primary', 'netkit_primary', { replace: a, expectedRevision: revision });
    const past = { before: 'all', expectedRevision: revision } as const;
    using late = load('sched_cls', returning(-1), { expected_attach_type: attachTypeNumber.netkit_primary });
    expect(() => attachToDevice(late, 'primary', 'netkit_primary', past)).toThrow(code('ESTALE'));
    link.detach();
    detachProgramFromDevice(kernel, 'primary', 'netkit_primary', c);
    expect(at('netkit_primary').programs).toEqual([]);
    deleteDevice(kernel, 'primary');
    // The device has taken the last one along.
    expect(other.info).toMatchObject({ type: 'netkit', ifindex: 0 });
  });

  it('tcx: an order, a revision, a query, and nothing of others', (context) => {
    skipBefore(context, '6.6', 'tcx');
    using a = load('sched_cls', returning(-1));
    using b = load('sched_cls', returning(-1));
    using c = load('sched_cls', returning(-1));
    const ids = () => queryPrograms(kernel, { device: 'v0' }, 'tcx_ingress').programs.map(({ id }) => id);
    attachProgramToDevice(a, 'v0', 'tcx_ingress');
    using link = attachToDevice(b, 'v0', 'tcx_ingress', { before: a });
    expect(ids()).toEqual([b.id, a.id]);
    attachProgramToDevice(c, 'v0', 'tcx_ingress', { replace: a });
    expect(ids()).toEqual([b.id, c.id]);
    const { revision, programs } = queryPrograms(kernel, { device: 'v0' }, 'tcx_ingress');
    expect(programs.map(({ linkId }) => linkId)).toEqual([link.id, undefined]);
    link.update(a, { old: b });
    expect(ids()).toEqual([a.id, c.id]);
    expect(() => link.update(b, { old: c })).toThrow(code('EPERM'));
    expect(() => attachProgramToDevice(b, 'v0', 'tcx_ingress', { expectedRevision: revision })).toThrow(code('ESTALE'));
    link.detach();
    expect(link.info).toMatchObject({ type: 'tcx', ifindex: 0, attachType: 'tcx_ingress' });
    expect(ids()).toEqual([c.id]);
    detachProgramFromDevice(kernel, 'v0', 'tcx_ingress', c);
    expect(ids()).toEqual([]);
  });

  it('xdp: a link, and netlink beside it', () => {
    using a = load('xdp', returning(2));
    using b = load('xdp', returning(2));
    {
      using link = attachXdp(a, 'v0', { mode: 'generic' });
      expect(link.info.type).toBe('xdp');
      expect(() => setXdp(kernel, 'v0', b, { mode: 'generic' })).toThrow(code('EBUSY'));
      link.update(b);
      expect(link.info.progId).toBe(b.id);
    }
    setXdp(kernel, 'v0', a, { mode: 'generic', expected: 'none' });
    expect(() => setXdp(kernel, 'v0', b, { mode: 'generic', expected: 'none' })).toThrow(code('EBUSY'));
    expect(() => setXdp(kernel, 'v0', b, { mode: 'generic', expected: b })).toThrow(code('EEXIST'));
    setXdp(kernel, 'v0', b, { mode: 'generic', expected: a });
    setXdp(kernel, 'v0', undefined, { mode: 'generic' });
    setXdp(kernel, 'v0', a, { mode: 'driver' });
    setXdp(kernel, 'v0', undefined, { mode: 'driver', expected: a });
  });

  it('pins keep a link, by path and by id', (context) => {
    skipBefore(context, '6.6', 'tcx');
    using program = load('sched_cls', returning(-1));
    const path = '/sys/fs/bpf/link';
    {
      using link = attachToDevice(program, 'v0', 'tcx_egress');
      link.pin(path);
    }
    using again = openLink(kernel, { pinned: path });
    using byId = openLink(kernel, { id: again.id });
    expect(byId.info).toEqual(again.info);
    expect([...listLinks(kernel)].map(({ id }) => id)).toContain(again.id);
    expect(() => openLink(kernel, { fd: program.fd })).toThrow('not a link');
    kernel.unlink(path);
  });
});

describe('cgroups', () => {
  const inside = () => {
    const script = `echo $$ > ${CGROUP}/cgroup.procs && exec ${process.execPath} -e "
      const s = require('node:dgram').createSocket('udp4');
      s.send('x', 9, '127.0.0.1', () => s.close())"`;
    expect(spawnSync('sh', ['-c', script], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  };

  it('a link runs for the processes inside', () =>
    runs(
      'cgroup_skb',
      1,
      { expected_attach_type: attachTypeNumber.cgroup_inet_egress },
      (program) => attachToCgroup(program, CGROUP, 'cgroup_inet_egress'),
      inside,
    ));

  it('modes, replacing, and a query', () => {
    const make = () => load('cgroup_skb', returning(1));
    using a = make();
    using b = make();
    using c = make();
    const query = () => queryPrograms(kernel, { cgroup: CGROUP }, 'cgroup_inet_ingress');
    attachProgramToCgroup(a, CGROUP, 'cgroup_inet_ingress', { mode: 'multi' });
    attachProgramToCgroup(b, CGROUP, 'cgroup_inet_ingress', { mode: 'multi' });
    expect(query().programs.map(({ id }) => id)).toEqual([a.id, b.id]);
    expect(query().flags).toBe(2);
    attachProgramToCgroup(c, CGROUP, 'cgroup_inet_ingress', { mode: 'multi', replace: a });
    expect(query().programs.map(({ id }) => id)).toEqual([c.id, b.id]);
    expect(() => attachProgramToCgroup(a, CGROUP, 'cgroup_inet_ingress', { mode: 'override' })).toThrow(code('EPERM'));
    expect(() => attachProgramToCgroup(a, '/proc', 'cgroup_inet_ingress')).toThrow(code('EBADF'));
    const effective = queryPrograms(kernel, { cgroup: CGROUP }, 'cgroup_inet_ingress', { effective: true });
    expect(effective.programs.map(({ id }) => id)).toEqual(expect.arrayContaining([b.id, c.id]));
    for (const program of [b, c]) detachProgramFromCgroup(kernel, CGROUP, 'cgroup_inet_ingress', program);
    expect(() => detachProgramFromCgroup(kernel, CGROUP, 'cgroup_inet_ingress', c)).toThrow(code('ENOENT'));
    expect(query().programs).toEqual([]);
  });
});

describe('this network namespace', () => {
  it('sk_lookup', () =>
    runs(
      'sk_lookup',
      1,
      { expected_attach_type: attachTypeNumber.sk_lookup },
      (program) => attachToNetns(program, 'sk_lookup'),
      datagram,
    ));

  it('the flow dissector, by a link and without', () => {
    using program = load('flow_dissector', returning(0));
    {
      using link = attachToNetns(program, 'flow_dissector');
      expect(link.info).toMatchObject({ type: 'netns', attachType: 'flow_dissector' });
      expect(() => setFlowDissector(program)).toThrow(code('EEXIST'));
    }
    setFlowDissector(program);
    const query = queryPrograms(kernel, { netns: undefined }, 'flow_dissector');
    expect(query.programs.map(({ id }) => id)).toEqual([program.id]);
    clearFlowDissector(program);
  });

  it('netfilter', (context) => {
    skipBefore(context, '6.4', 'programs of type netfilter');
    return runs(
      'netfilter',
      1,
      { expected_attach_type: attachTypeNumber.netfilter },
      (program) => {
        const link = attachNetfilter(program, 'ip', 'input', { priority: -128 });
        expect(link.info).toMatchObject({ type: 'netfilter', pf: 2, hook: 1, priority: -128, flags: 0 });
        return link;
      },
      datagram,
    );
  });
});

describe('maps of sockets', () => {
  it('take programs, by a link and without', (context) => {
    skipBefore(context, '6.10', 'links of sockmaps');
    const attr = { map_type: mapTypeNumber.sockmap, key_size: 4, value_size: 4, max_entries: 1 };
    using map = new BpfMap(kernel, kernel.bpf('BPF_MAP_CREATE', attr));
    using program = load('sk_msg', returning(1), { expected_attach_type: attachTypeNumber.sk_msg_verdict });
    using other = load('sk_msg', returning(1), { expected_attach_type: attachTypeNumber.sk_msg_verdict });
    attachToSockmap(program, map, 'sk_msg_verdict');
    expect(() => detachFromSockmap(other, map, 'sk_msg_verdict')).toThrow(code('ENOENT'));
    detachFromSockmap(program, map, 'sk_msg_verdict');
    using link = linkToSockmap(program, map, 'sk_msg_verdict');
    expect(link.info).toMatchObject({ type: 'sockmap', mapId: map.id, attachType: 'sk_msg_verdict' });
    link.detach();
  });
});

describe('tracing, of this process or for a moment', () => {
  const stat = () => void readFileSync('/proc/self/stat');

  it('a tracepoint', () => {
    // Without links no cookies.
    const cookie = isAtLeast(running, '5.15') ? 7n : undefined;
    return runs('tracepoint', 0, {}, (p) => attachTracepoint(p, 'syscalls', 'sys_enter_openat', { cookie }), stat);
  });

  it('a tracepoint says what it is', (context) => {
    skipBefore(context, '6.9', 'links say what they hang on, and the cookie');
    using program = load('tracepoint', returning(0));
    using link = attachTracepoint(program, 'syscalls', 'sys_enter_openat', { cookie: 7n });
    const [found] = [...listLinks(kernel)].filter(({ progId }) => progId === program.id);
    expect(found).toMatchObject({
      type: 'perf_event',
      event: { kind: 'tracepoint', name: 'sys_enter_openat', cookie: 7n },
    });
    expect(() => link.detach()).not.toThrow();
    expect(() => attachTracepoint(program, 'syscalls', 'sys_enter_nothing')).toThrow(code('ENOENT'));
    expect(() => attachTracepoint(program, '..', 'x')).toThrow('no name of a tracepoint');
  });

  it('a raw tracepoint', () => runs('raw_tracepoint', 0, {}, (p) => attachRawTracepoint(p, 'sys_enter'), stat));

  it('a raw tracepoint says what it is', (context) => {
    skipBefore(context, '6.10', 'cookies of raw tracepoints');
    using program = load('raw_tracepoint', returning(0));
    using link = attachRawTracepoint(program, 'sys_enter', { cookie: 5n });
    // Older kernels have it, and do not show it.
    const cookie = isAtLeast(running, '6.17') ? 5n : 0n;
    expect(link.info).toMatchObject({ type: 'raw_tracepoint', name: 'sys_enter', cookie, progId: program.id });
    expect(() => attachRawTracepoint(program, 'nothing')).toThrow(code('ENOENT'));
  });

  it('a perf event', () =>
    runs(
      'perf_event',
      0,
      {},
      (program) =>
        attachPerfEvent(
          program,
          { type: PERF_TYPE_SOFTWARE, config: PERF_COUNT_SW_CPU_CLOCK, sample_period: 100_000n },
          { pid: process.pid },
        ),
      () => {
        for (const end = Date.now() + 20; Date.now() < end; ) stat();
      },
    ));

  it('a uprobe on a function, of this process alone', (context) => {
    skipBefore(context, '6.9', 'links say what they hang on, and the cookie');
    using program = load('kprobe', returning(0));
    using _attached = attachUprobe(program, 'libc.so.6', { func: 'getpid', pid: process.pid, cookie: 3n });
    const [found] = [...listLinks(kernel)].filter(({ progId }) => progId === program.id);
    expect(found).toMatchObject({ type: 'perf_event', event: { kind: 'uprobe', cookie: 3n } });
    expect(() => attachUprobe(program, 'libc.so.6', { func: 'no_such_function' })).toThrow('has no function');
    expect(() => attachUprobe(program, 'no-such-program', { func: 'main' })).toThrow('there is no no-such-program');
  });

  it('a uprobe runs', () =>
    runs(
      'kprobe',
      0,
      {},
      (program) => attachUprobe(program, 'libc.so.6', { func: 'getppid', pid: process.pid }),
      () => process.ppid,
    ));

  it('several uprobes at once', (context) => {
    skipBefore(context, '6.8', 'links of many uprobes, which say of what');
    using counter = new Counter();
    using program = load('kprobe', counting(counter.map.fd, 0), {
      expected_attach_type: attachTypeNumber.trace_uprobe_multi,
    });
    using link = attachUprobeMulti(program, 'libc.so.6', {
      places: [
        { func: 'getppid', cookie: 1n },
        { func: 'malloc', cookie: 2n },
      ],
      pid: process.pid,
    });
    const { info } = link;
    expect(info).toMatchObject({ type: 'uprobe_multi', returns: false, pid: process.pid });
    if (!('places' in info)) throw new Error('no places');
    expect(info.places.map(({ cookie }) => cookie)).toEqual([1n, 2n]);
    expect(info.path).toMatch(/libc\.so\.6$/);
  });

  it('several uprobes by a pattern in the name of a section', (context) => {
    skipBefore(context, '6.8', 'links of many uprobes, which say of what');
    const multi = { expected_attach_type: attachTypeNumber.trace_uprobe_multi };
    using program = load('kprobe', returning(0), multi);
    const places = (pattern: string) => {
      using link = attachBySection(program, `uprobe.multi/libc.so.6:${pattern}`);
      const info = link instanceof BpfLink ? link.info : undefined;
      return info !== undefined && 'places' in info ? info.places : [];
    };
    expect(places('getppid')).toHaveLength(1);
    expect(places('getpp?d')).toEqual(places('getppid'));
    expect(places('getpgrp*').length).toBeGreaterThan(0);
    expect(places('get*id').length).toBeGreaterThan(places('getp*id').length);
    expect(() => places('no_such_*')).toThrow('fits no_such_*');
  });

  it('a uprobe on one version of a function', async () => {
    const version = process.arch === 'x64' ? 'GLIBC_2.2.5' : 'GLIBC_2.17';
    const attach = (program: BpfProgram) => attachBySection(program, `uprobe/libc.so.6:getppid@@${version}`);
    await runs(
      'kprobe',
      0,
      {},
      (program) => attach(program) ?? expect.fail(),
      () => process.ppid,
    );
    using program = load('kprobe', returning(0));
    expect(() => attachBySection(program, 'uprobe/libc.so.6:getppid@NONE_1')).toThrow('no function getppid@NONE_1');
  });

  it('a kprobe is refused with the reason where there are none', (context) => {
    if (existsSync('/sys/bus/event_source/devices/kprobe')) context.skip('this kernel has kprobes');
    using program = load('kprobe', returning(0));
    expect(() => attachKprobe(program, 'do_exit')).toThrow('kprobes on this kernel is not supported');
  });

  it('an iterator is read', (context) => {
    skipBefore(context, '6.1', 'iterators of one process');
    const btf = parseBtf(readFileSync('/sys/kernel/btf/vmlinux'));
    const attach_btf_id = btf.find('func', 'bpf_iter_task') ?? 0;
    using counter = new Counter();
    using program = load('tracing', counting(counter.map.fd, 0), {
      expected_attach_type: attachTypeNumber.trace_iter,
      attach_btf_id,
    });
    using link = attachIterator(program, { pid: process.pid });
    expect(link.info).toMatchObject({ type: 'iter', target: 'task', pid: process.pid, mapId: undefined });
    expect(readIterator(link)).toEqual(new Uint8Array(0));
    const once = counter.value;
    expect(once).toBeGreaterThan(1n);
    readIterator(link);
    expect(counter.value).toBe(2n * once);
  });
});
