import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import {
  addDevice,
  attachToDevice,
  BpfMap,
  load,
  openObject,
  openPerfBuffer,
  openRingBuffer,
} from '../../src/index.ts';
import { listDevices } from '../../src/loader/devices.ts';
import { BPF_F_MMAPABLE, mapTypeNumber } from '../../src/uapi/bpf.ts';
import { objectBytes } from '../support/objects.ts';
import { skipBefore } from '../support/since.ts';

/** Of each kind. `SKEP_CYCLES=10000` for a long look. */
const CYCLES = Number(process.env.SKEP_CYCLES ?? 300);
/** Bytes of resident memory by which the process may have grown after them: what a garbage collector leaves lying about. */
const MAX_GROWTH = 64 * 1024 * 1024;

const kernel = createLinuxKernel();
addDevice(kernel, { kind: 'veth', name: 'leak0', peer: 'leak1' });
const open = (file: string, name?: string) => {
  const { spec } = openObject(objectBytes(file), { file });
  return load(kernel, spec, {
    programs: spec.programs.filter((program) => program.name === name),
    maxEntries: file.endsWith('/events.o') ? { events: 4096 } : {},
  });
};
const events = open('test/objects/events.o').map('events');
const said = open('test/objects/perf_events.o').map('events');
const program = open('examples/cgroup/tc_count.bpf.o', 'tc_count').program('tc_count');
const array = {
  map_type: mapTypeNumber.array,
  key_size: 4,
  value_size: 8,
  max_entries: 1000,
  map_flags: BPF_F_MMAPABLE,
};
const makeMap = () => new BpfMap(kernel, kernel.bpf('BPF_MAP_CREATE', array));
const lasting = makeMap();

kernel.mount('tmpfs', '/mnt', 'tmpfs', 0, '');

/** What the event loop watched it lets go of when it has its turn. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Opens something and closes it again. */
const KINDS: Readonly<Record<string, () => void | Promise<void>>> = {
  'a map': () => makeMap().close(),
  'a mapping': () => lasting.mmap().close(),
  'an object with its program': () => open('examples/globals/template.bpf.o', 'template').close(),
  'a link': () => attachToDevice(program, 'leak0', 'tcx_egress').close(),
  'a ring buffer': () => openRingBuffer(events).close(),
  'a perf buffer': () => openPerfBuffer(said, { size: 4096 }).close(),
  'a ring buffer that is waited for': async () => {
    const ring = openRingBuffer(events);
    const waiting = ring.events().next();
    ring.close();
    await waiting;
    await turn();
  },
  'a perf buffer that is waited for': async () => {
    const perf = openPerfBuffer(said, { size: 4096 });
    const waiting = perf.events().next();
    perf.close();
    await waiting;
    await turn();
  },
  'a kernel with its netlink socket': () => {
    using another = createLinuxKernel();
    listDevices(another);
  },
  'a socket, and an fd through it': () => {
    const socket = kernel.bindFds('/mnt/leak');
    kernel.sendFds('/mnt/leak', new Uint8Array(1), [lasting.fd]);
    for (const fd of kernel.receiveFds(socket).fds) kernel.close(fd);
    kernel.close(socket);
    kernel.unlink('/mnt/leak');
  },
};

const fds = () => readdirSync('/proc/self/fd').length;

describe(`after ${CYCLES} cycles`, () => {
  it.for(Object.entries(KINDS))('%s leaves no fd and no memory', async ([kind, cycle], context) => {
    if (kind === 'a link') skipBefore(context, '6.6', 'tcx');
    for (let i = 0; i < 20; i++) await cycle();
    const [openBefore, residentBefore] = [fds(), process.memoryUsage.rss()];
    for (let i = 0; i < CYCLES; i++) await cycle();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(fds()).toBe(openBefore);
    expect(process.memoryUsage.rss() - residentBefore).toBeLessThan(MAX_GROWTH);
  });
});
