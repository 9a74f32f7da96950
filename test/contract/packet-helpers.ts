import { beforeAll, expect, it } from 'vitest';
import { toHex } from '../../src/bytes/hex.ts';
import { attachToDevice, load, openObject } from '../../src/index.ts';
import { addDevice, setDeviceUp } from '../../src/loader/devices.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import type { PacketLab } from '../../src/sys/lab.ts';
import { objectBytes } from '../support/objects.ts';

const WORDS = 64;
const IP = 0x0800;
const IPV6 = 0x86dd;
const VLAN = 0x8100;
const PROVIDER_VLAN = 0x88a8;
const UNKNOWN = 0x88b5;

const counting = Array.from({ length: 30 }, (_, i) => i + 1);
const ADDRESSES = '0102030405060708090a0b0c';
const frame = (type: number, ...rest: readonly number[]) =>
  Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, type >> 8, type & 255, ...rest);
const ipv4 = (tos: number) => [0x45, tos, 0, 50, 0, 0, 0, 0, 64, 17, 0x12, 0x34, 10, 0, 0, 1, 10, 0, 0, 2, ...counting];
const ipv6 = (tos: number) => [0x60, tos << 4, 0, 0, 0, 30, 17, 64, ...new Array(31).fill(0), 1, ...counting];
const hex = (bytes: readonly number[]) => toHex(Uint8Array.from(bytes));
const zeros = (count: number) => '00'.repeat(count);

const FRAMES = {
  ipv4: frame(IP, ...ipv4(2)),
  'ipv4 with ECT(1)': frame(IP, ...ipv4(1)),
  'ipv4 without ECN': frame(IP, ...ipv4(0)),
  ipv6: frame(IPV6, ...ipv6(2)),
  'in two VLANs': frame(PROVIDER_VLAN, 0, 5, 0x81, 0, 0x60, 6, 8, 0, ...ipv4(2)),
  'cut in its tag': frame(VLAN, 0, 5),
  'a header alone': frame(UNKNOWN),
} as const satisfies Record<string, Uint8Array>;

interface Row {
  readonly program: string;
  readonly frame: keyof typeof FRAMES;
  /** What the program leaves in `seen`, zeros at the end left out. */
  readonly seen: readonly number[];
  /** The frame afterwards; the same as before if it is not said. */
  readonly left?: string;
}

/** fib_lookup: no device forwards; flags; size; IPv6; a family that there is not; a device that there is not. */
const ROUTES = [5, -22, -22, 5, -97, -19];
/** check_mtu: its result and the MTU of lo. */
const MTUS = [0, 65536, 1, 65536, 0, 65536, 1, 65536, 0, 65536, -19, 0, -22, 0];

// biome-ignore format: a line per call, as in the program
const ROWS: readonly Row[] = [
  { program: 'vlan_push', frame: 'ipv4', left: `${ADDRESSES}88a86009810000070800${hex(ipv4(2))}`, seen: [
    0, 64, IP, 1, 7, VLAN,
    0, 68, VLAN, 1, 0x6009, PROVIDER_VLAN,
    0, 72, PROVIDER_VLAN, 1, 0xffff, VLAN,
  ] },
  { program: 'vlan_push_pop', frame: 'ipv4', seen: [
    0, 64, IP, 0, 0, 0,
    0, 0, 0,
    0, 68, VLAN, 1, 8, VLAN,
    0, 64, IP, 1, 7, VLAN,
    0, 64, IP, 0, 0, 0,
  ] },
  { program: 'vlan_pop', frame: 'in two VLANs', left: `${ADDRESSES}0800${hex(ipv4(2))}`, seen: [
    72, PROVIDER_VLAN, 0, 0, 0,
    0, 64, IP, 1, 0x6006, VLAN,
    0, 64, IP, 0, 0, 0,
    0, 64, IP, 0, 0, 0,
  ] },
  { program: 'vlan_pop', frame: 'cut in its tag', seen: [
    16, VLAN, 0, 0, 0,
    -12, 16, VLAN, 0, 0, 0,
    -12, 16, VLAN, 0, 0, 0,
    -12, 16, VLAN, 0, 0, 0,
  ] },
  { program: 'change_proto', frame: 'ipv4', left: `${ADDRESSES}0800${zeros(20)}${hex(ipv4(2))}`, seen: [-22, -524, -524, 64, IP, 0, 84, IPV6] },
  { program: 'change_proto', frame: 'ipv6', left: `${ADDRESSES}86dd${zeros(20)}${hex(ipv6(2).slice(20))}`, seen: [-22, -524, 0, 64, IP, 0, 84, IPV6] },
  { program: 'change_proto', frame: 'a header alone', seen: [-22, -524, -524, 14, UNKNOWN, -524, 14, UNKNOWN] },
  { program: 'change_tail', frame: 'ipv4', left: `${ADDRESSES}0800${zeros(56)}`, seen: [
    -22, -22, -22, -22,
    0, 14, IP,
    0, 1000, IP,
    0, 16064, IP,
    0,
  ] },
  { program: 'change_head', frame: 'ipv4', left: `${zeros(408)}${ADDRESSES}0800${hex(ipv4(2).slice(0, 8))}`, seen: [
    -22, -22, -22, 0,
    0, 72, IP, 0, 0x45,
    0, 472, IP, 0, 0x45,
    0, -22, -22, -22,
  ] },
  { program: 'adjust_room', frame: 'ipv4', left: `${ADDRESSES}0800${zeros(6)}${hex(ipv4(2).slice(0, 12))}${hex(ipv4(2).slice(14))}`, seen: [
    -22, -14, -524, -524, -22, -22, -22,
    0, 72, IP,
    0, 76, IP,
    0, 0, 0, 68, IP,
  ] },
  { program: 'adjust_room', frame: 'a header alone', seen: [
    -22, -14, -524, -524, -524, -524, -524,
    -524, 14, UNKNOWN,
    -524, 14, UNKNOWN,
    -524, -524, -524, 14, UNKNOWN,
  ] },
  { program: 'encapsulate', frame: 'ipv4', seen: [-22, -22, -22, -22, 0, 106, IPV6, -114, -524, 0, 64, IP, -114] },
  { program: 'csum_levels', frame: 'ipv4', seen: [
    -13, 0,
    0, 0, 0, 1, 0, 2, 0, 3, 0, 3,
    0, 2,
    0, 2, 0, -13,
    0, 0, -13, -22,
  ] },
  { program: 'ecn', frame: 'ipv4', seen: [1, 1], left: `${ADDRESSES}0800${hex(marked(1))}` },
  { program: 'ecn', frame: 'ipv4 with ECT(1)', seen: [1, 1], left: `${ADDRESSES}0800${hex(marked(2))}` },
  { program: 'ecn', frame: 'ipv4 without ECN', seen: [0, 0] },
  { program: 'ecn', frame: 'ipv6', seen: [1, 1], left: `${ADDRESSES}86dd${hex(ipv6(3))}` },
  { program: 'ecn', frame: 'cut in its tag', seen: [0, 0] },
  // The kernel does not give the link header back that these programs do not see.
  { program: 'ecn_in_cgroup', frame: 'ipv4', seen: [1], left: `${zeros(14)}${hex(marked(1))}` },
  { program: 'timestamps', frame: 'ipv4', seen: [0, 5, 1, -22, 0, 2 ** 40, 2, -22, -22] },
  { program: 'timestamps', frame: 'a header alone', seen: [-95, 0, 0, -95, -95, 0, 0, -95, -95, -95] },
  { program: 'tunnels', frame: 'ipv4', seen: [
    -22, 0, -2, 0,
    -22, -22, -22, -22, -22,
    0, -2, -22, 0, -12, 8, 8,
    -71, -22, -22,
    0, 77, 0x0a000002, 0x0a000001, 0x440, 0,
    0, 0x05f8,
    0, 0, 0x0821,
  ] },
  { program: 'tunnels_ipv6', frame: 'ipv4', seen: [0, -71, -22, 0, 0x45678, 8, 4] },
  { program: 'no_ipsec', frame: 'ipv4', seen: [-22, 0] },
  { program: 'redirects', frame: 'ipv4', seen: [7, 2, 7, 2, 7, 2] },
  { program: 'routes', frame: 'ipv4', seen: [...ROUTES, ...MTUS, 0, 65536, -22, 0, -22, 1] },
  { program: 'frame_routes', frame: 'ipv4', seen: [...ROUTES, ...MTUS, -22, 0, -22, 0, -22, 1] },
  { program: 'sockets', frame: 'ipv4', seen: [1, 0, 1, 1, 0, 0, 1, 1] },
  { program: 'no_sockets', frame: 'ipv4', seen: [2, 2, 2] },
  { program: 'kernel_memory', frame: 'ipv4', seen: [0, 0x747401, -34, 0, -14, 5, 0, 3, 0x6500, -34, -14, 0] },
];

/** An IPv4 packet that a router has marked; its checksum is less by what the field is more. */
function marked(difference: number): number[] {
  return ipv4(3).map((byte, i) => (i === 11 ? byte - difference : byte));
}

/** The same programs on every kernel. */
export function packetHelpers(kernel: Kernel): void {
  const object = openObject(objectBytes('test/objects/packet_helpers.o'), { file: 'packet_helpers.o' });

  it.each(ROWS.map((row) => [row.program, row.frame, row] as const))('%s, a frame: %s', (name, _frame, row) => {
    const data = FRAMES[row.frame];
    const programs = object.spec.programs.filter((program) => program.name === name);
    using loaded = load(kernel, object, { programs });
    const ran = loaded.program(name).run({ data });
    const seen = loaded.globals.seen as bigint[]; // __s64[64]
    expect(seen.map(Number)).toEqual([...row.seen, ...new Array(WORDS - row.seen.length).fill(0)]);
    expect(toHex(ran.data ?? new Uint8Array(0))).toBe(row.left ?? toHex(data));
  });
}

const START = 0x45020032;

/** What `arrives` leaves in `seen` at the other end of a pair, if `program` sends the frame on; nothing where it does not arrive. */
// biome-ignore format: a row per line
const ARRIVALS: readonly (readonly [program: string | undefined, frame: keyof typeof FRAMES, seen: readonly number[]])[] = [
  [undefined,      'ipv4',         [1, 64, IP, 0, 0, 0, 0, START]],
  ['tagged',       'ipv4',         [1, 64, IP, 1, 7, VLAN, 0, START]],
  ['tagged_twice', 'ipv4',         [1, 68, VLAN, 1, 8, PROVIDER_VLAN, 0, 0x00070800]],
  [undefined,      'in two VLANs', [1, 68, VLAN, 1, 5, PROVIDER_VLAN, 0, 0x60060800]],
  ['untagged',     'in two VLANs', [1, 64, IP, 1, 0x6006, VLAN, 0, START]],
  ['lengthened',   'ipv4',         [1, 264, IP, 0, 0, 0, 0, 0]],
  ['cut',          'ipv4',         [1, 40, IP, 0, 0, 0, 0, START]],
  ['to_peer',      'ipv4',         []],
  ['to_neighbour', 'ipv4',         []],
];

/** Frames that helpers have changed cross a pair. */
export function changedFrames(kernel: Kernel, lab: PacketLab): void {
  const object = openObject(objectBytes('test/objects/packet_helpers.o'), { file: 'packet_helpers.o' });

  beforeAll(() => {
    addDevice(kernel, { kind: 'veth', name: 'h0', peer: 'h1' });
    for (const name of ['h0', 'h1']) setDeviceUp(kernel, name, true);
  });

  it.each(ARRIVALS)('%s, a frame: %s', (name, frame, want) => {
    const programs = object.spec.programs.filter((program) => program.name === 'arrives' || program.name === name);
    using loaded = load(kernel, object, { programs });
    using _arrives = attachToDevice(loaded.program('arrives'), 'h1', 'tcx_ingress');
    using _sends = name === undefined ? undefined : attachToDevice(loaded.program(name), 'h0', 'tcx_egress');
    lab.send('h0', 'egress', FRAMES[frame]);
    const seen = loaded.globals.seen as bigint[]; // as above
    expect(seen.map(Number)).toEqual([...want, ...new Array(WORDS - want.length).fill(0)]);
  });
}
