import { describe, expect, it } from 'vitest';
import { ALWAYS_BACK, MANY_WAYS, PASSES, PING, SKB_COUNTER, xdp } from '../../../../test/support/xdp-programs.ts';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { addDevice, attachToDevice, attachXdp, findDevice, openProgram, setDeviceUp } from '../../../loader/index.ts';
import { encodeLink, request } from '../../../net/index.ts';
import { MAX_SENT, MAX_SENT_BYTES } from '../../../sys/lab.ts';
import type { PacketEvent } from '../../../sys/watch.ts';
import { attachTypeNumber, mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { RTM_NEWLINK } from '../../../uapi/netlink.ts';
import { createEmbeddedKernel } from '../embedded.ts';
import { encodePacket, etherFrame } from '../inet/packet.ts';
import { createRandom } from '../random.ts';

const DEVICES = ['a0', 'a1', 'b0', 'b1'] as const;
type Device = (typeof DEVICES)[number];
/** Of devices that take frames for which a batch has no place. */
const LARGE_MTU = 9000;
const u32 = (n: number): Uint8Array => new Uint8Array(Uint32Array.of(n).buffer);

function setUp({ jit = 'on' }: { readonly jit?: 'on' | 'off' } = {}) {
  const embedded = createEmbeddedKernel({ jit, clock: 'manual' });
  const { kernel, lab } = embedded;
  for (const pair of ['a', 'b']) addDevice(kernel, { kind: 'veth', name: `${pair}0`, peer: `${pair}1` });
  for (const name of DEVICES) setDeviceUp(kernel, name, true);
  const create = (type: keyof typeof mapTypeNumber, value_size: number, max_entries: number): Fd =>
    kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber[type], key_size: 4, value_size, max_entries });
  const maps: Readonly<Record<string, Fd>> = {
    counts: create('array', 8, 16),
    skbs: create('array', 8, 16),
    cpus: create('cpumap', 8, 1),
    devices: create('devmap', 8, 1),
  };
  const load = (type: 'xdp' | 'sched_cls', text: string, expected_attach_type = 0): Fd => {
    const insns = encodeInsns(parseAssembly(text, { map: (name) => maps[name] ?? (0 as Fd) })); // there are these
    const attr = { prog_type: progTypeNumber[type], insns, insn_cnt: insns.length / 8, license: 'GPL' };
    return kernel.bpf('BPF_PROG_LOAD', { ...attr, expected_attach_type });
  };
  const open = (fd: Fd) => openProgram(kernel, { fd });
  const put = (map_fd: Fd | undefined, ...words: readonly number[]): void =>
    void kernel.bpf('BPF_MAP_UPDATE_ELEM', {
      map_fd,
      key: u32(0),
      value: Uint8Array.from(words.flatMap((n) => [...u32(n)])),
    });
  const there = (type: 'xdp_cpumap' | 'xdp_devmap') => load('xdp', xdp('r0 = 2'), attachTypeNumber[type]);
  put(maps.cpus, 64, there('xdp_cpumap'));
  put(maps.devices, findDevice(kernel, 'b0').ifindex, there('xdp_devmap'));
  const events: PacketEvent[] = [];
  lab.observe((event) => void (event.kind === 'packet' && events.push(event)));
  const captures = DEVICES.map((name) => lab.capture(name));
  return {
    ...embedded,
    events,
    count: (map = 'counts') =>
      Array.from({ length: 16 }, (_, n) => {
        const value = new Uint8Array(8);
        kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: maps[map], key: u32(n), value });
        return Number(new DataView(value.buffer).getBigUint64(0, true));
      }),
    attach: (device: Device, text: string, mode?: 'generic') => attachXdp(open(load('xdp', text)), device, { mode }),
    /** Counts what comes to the ingress of tc. */
    countSkbs: (device: Device) => attachToDevice(open(load('sched_cls', SKB_COUNTER)), device, 'tcx_ingress'),
    setMtu: (name: Device, mtu: number) =>
      request(kernel, 'the test', RTM_NEWLINK, 0, encodeLink({ ifindex: findDevice(kernel, name).ifindex, mtu })),
    stats: (device: Device) => findDevice(kernel, device).stats,
    /** All that is left to see, by device. */
    seen: () =>
      DEVICES.map((name, i) => ({
        name,
        stats: findDevice(kernel, name).stats,
        events: events.filter(({ device }) => device === name),
        captured: captures[i]?.frames,
      })),
  };
}

/** Frames of a type that nobody speaks. */
function someFrames(seed: number, count: number, longest = 1514): Uint8Array[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => {
    const length = random() % 8 === 0 ? 14 + (random() % (longest - 13)) : 60;
    const frame = Uint8Array.from({ length }, () => random() & 0xff);
    frame.set([0x88, 0xb5], 12);
    return frame;
  });
}

type Kernel = ReturnType<typeof setUp>;
const each = ({ lab }: Kernel, device: Device, frames: readonly Uint8Array[]): void => {
  for (const frame of frames) lab.send(device, 'ingress', frame);
};

describe('frames that come to a device together', () => {
  it.each([
    ['compiled', 'on', undefined],
    ['interpreted', 'off', undefined],
    ['of the generic hook', 'on', 'generic'],
  ] as const)('come to what they do one by one: %s', (_name, jit, mode) => {
    const kernels = [setUp({ jit }), setUp({ jit })] as const;
    for (const kernel of kernels) {
      kernel.attach('a0', MANY_WAYS, mode);
      kernel.attach('a1', PASSES);
      kernel.attach('b1', PASSES);
      for (const device of DEVICES) kernel.countSkbs(device);
    }
    const [together, alone] = kernels;
    const frames = someFrames(1, 500);
    together.lab.sendAll('a0', 'ingress', frames);
    each(alone, 'a0', frames);
    expect(together.seen()).toEqual(alone.seen());
    expect([together.count(), together.count('skbs')]).toEqual([alone.count(), alone.count('skbs')]);
    expect(together.stats('b1')?.rxPackets).toBeGreaterThan(0n);
    expect(together.stats('a1')?.rxPackets).toBeGreaterThan(0n);
  });

  it('keep their order, also those that are too long for a place', () => {
    const kernels = [setUp(), setUp()] as const;
    const frames = someFrames(2, 300, LARGE_MTU);
    for (const kernel of kernels) {
      kernel.setMtu('a0', LARGE_MTU);
      kernel.attach('a0', MANY_WAYS);
    }
    const [together, alone] = kernels;
    together.lab.sendAll('a0', 'ingress', frames);
    each(alone, 'a0', frames);
    expect(together.seen()).toEqual(alone.seen());
    expect(together.events.some(({ length }) => length > 3520)).toBe(true);
  });

  it.each([
    ['that send back until they are tired', PING],
    ['that always send back', ALWAYS_BACK],
  ])('between two programs %s are counted as one by one', (_name, text) => {
    const kernels = [setUp(), setUp()] as const;
    for (const kernel of kernels) for (const device of ['a0', 'a1'] as const) kernel.attach(device, text);
    const [together, alone] = kernels;
    const frames = someFrames(3, 5);
    together.lab.sendAll('a0', 'ingress', frames);
    each(alone, 'a0', frames);
    expect(together.count()).toEqual(alone.count());
    for (const device of ['a0', 'a1'] as const) expect(together.stats(device)).toEqual(alone.stats(device));
    expect(together.stats('a1')?.rxPackets).toBeGreaterThan(100n);
  });

  it('have all met the program before the first goes on, and keep what it said', () => {
    const { attach, lab, events, count } = setUp();
    const link = attach('a0', xdp('r0 = 1'));
    const seen: number[] = [];
    lab.observe(() => {
      seen.push(count().reduce((a, b) => a + b));
      link.detach();
    });
    lab.sendAll(
      'a0',
      'ingress',
      someFrames(4, 80)
        .map((frame) => frame.subarray(0, 60))
        .filter(({ length }) => length >= 24),
    );
    const met = Math.min(...seen);
    expect(met).toBe(64);
    expect(events.filter(({ xdp }) => xdp === 1).length).toBe(64);
    expect(events.slice(64).every(({ xdp }) => xdp === undefined)).toBe(true);
  });

  it('are dropped and counted when the device is taken down meanwhile', () => {
    const { attach, lab, events, stats } = setUp();
    attach('a0', PASSES);
    lab.observe(() => {
      if (events.length === 10) lab.setUp('a0', false);
    });
    lab.sendAll('a0', 'ingress', someFrames(5, 100));
    expect(events.length).toBe(10);
    expect(stats('a0')).toMatchObject({ rxPackets: 10n, rxDropped: 90n });
  });

  it('reach a socket, in order', () => {
    const { attach, lab, kernel } = setUp();
    attach('a0', PASSES);
    lab.addAddress('a0', '10.0.0.1/24');
    const socket = lab.socket(kernel, { type: 'udp' });
    socket.bind({ address: '10.0.0.1', port: 7 });
    const { address = new Uint8Array(6) } = findDevice(kernel, 'a0');
    const frames = Array.from({ length: 100 }, (_, n) => {
      const payload = Uint8Array.of(0, 9, 0, 7, 0, 9, 0, 0, n);
      const [source, destination] = [Uint8Array.of(10, 0, 0, 2), Uint8Array.of(10, 0, 0, 1)];
      const packet = encodePacket({ family: 2, source, destination, protocol: 17, payload });
      return etherFrame(address, Uint8Array.of(2, 0, 0, 0, 0, 1), 0x800, packet);
    });
    lab.sendAll('a0', 'ingress', frames);
    const received = frames.map(() => socket.receive()?.data[0]);
    expect(received).toEqual(frames.map((_, n) => n));
  });

  it('do not make the memory grow', () => {
    const embedded = setUp();
    embedded.attach('a0', PING);
    embedded.attach('a1', PASSES);
    const frames = someFrames(6, MAX_SENT).map((frame) => frame.subarray(0, 60));
    embedded.lab.sendAll('a0', 'ingress', frames);
    const before = embedded.memorySize;
    for (let sent = 0; sent < 100_000; sent += frames.length) embedded.lab.sendAll('a0', 'ingress', frames);
    expect(embedded.memorySize).toBe(before);
  });
});

describe('many frames at once', () => {
  it.each<[string, string, readonly unknown[], string]>([
    ['a device that is not there', 'x9', [new Uint8Array(60)], 'ENODEV'],
    ['one that is down', 'lo', [new Uint8Array(60)], 'ENETDOWN'],
    ['one of less than a header', 'a0', [new Uint8Array(60), new Uint8Array(13)], 'EINVAL'],
    ['one of more than the MTU', 'a0', [new Uint8Array(60), new Uint8Array(1600)], 'EMSGSIZE'],
    ['too many', 'a0', Array(MAX_SENT + 1).fill(new Uint8Array(60)), 'EINVAL'],
    ['too many bytes', 'a0', Array(1000).fill(new Uint8Array(MAX_SENT_BYTES / 1000 + 1)), 'EINVAL'],
    ['what is no frame', 'a0', [new Uint8Array(60), 'frame'], 'EFAULT'],
  ])('are refused for %s, and none is sent', (_name, device, frames, code) => {
    const { lab, events } = setUp();
    for (const direction of ['ingress', 'egress'] as const) {
      const call = () => lab.sendAll(device, direction, frames as readonly Uint8Array[]); // whatever a caller may give
      expect(call).toThrow(expect.objectContaining({ code }));
    }
    expect(events).toEqual([]);
  });

  it('go out of a device one by one', () => {
    const [together, alone] = [setUp(), setUp()];
    const frames = someFrames(7, 100);
    for (const kernel of [together, alone]) kernel.attach('a1', MANY_WAYS);
    together.lab.sendAll('a0', 'egress', frames);
    for (const frame of frames) alone.lab.send('a0', 'egress', frame);
    expect(together.events).toEqual(alone.events);
    expect(together.seen()).toEqual(alone.seen());
  });
});
