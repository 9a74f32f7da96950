import { SOCK_OPS_ALL_CB_FLAGS } from '../cgroups/sock-ops.ts';
import type { Family } from '../inet/address.ts';
import type { Socket, SocketOptions } from './socket.ts';

export const SOL_SOCKET = 1;
export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_IPV6 = 41;
export const TCP_CONGESTION = 13;
export const TCP_MAXSEG = 2;
export const TCP_SYNCNT = 7;
export const TCP_SAVE_SYN = 27;
export const TCP_SAVED_SYN = 28;
const IP_TOS = 1;
const IPV6_TCLASS = 67;

/** Bits of the type of service that TCP keeps for itself. */
const ECN = 3;
const INT_MAX = 0x7fffffff;
/** sysctl_wmem_max and rmem_max, and what a buffer has at least. Bytes; what is asked for is doubled. */
const MAX_BUFFER = 4 << 20;
const [MIN_SEND, MIN_RECEIVE] = [4608, 2304];
/** Half of what a TCP socket may have waiting at most. */
const MAX_LOWAT = 16 << 20;
/** Microseconds of a tick of Linux's clock, and the longest delay of an acknowledgement. */
const TICK = 4000;
const MAX_DELAY = 200_000;

interface Option {
  readonly level: number;
  readonly name: number;
  readonly only?: 'tcp' | 'ipv6';
  /** Where sockets keep it that do something with it. */
  readonly field?: keyof SocketOptions;
  /** What it is until it is set. */
  readonly initial?: number;
  /** What becomes of a number that is set; `undefined`: it is refused. Not said: the number. */
  readonly store?: (value: number, socket: Socket) => number | undefined;
  /** What is read, if that is another number. `no`: it cannot be read. */
  readonly shown?: 'no' | ((stored: number, socket: Socket) => number);
}

const SOCK_STREAM = 1;
/** TC_PRIO_*: best effort, bulk, interactive, interactive bulk. */
const PRIORITIES = [0, 2, 6, 4];

const flag = (value: number): number => Number(value !== 0);
const within = (low: number, high: number) => (value: number) => (value >= low && value <= high ? value : undefined);
const buffer = (least: number) => (value: number) => Math.max(2 * Math.min(value >>> 0, MAX_BUFFER), least);
const ticks = (value: number): number | undefined => within(1, MAX_DELAY)(Math.ceil(value / TICK) * TICK);
/** What a service type is without the bits that TCP keeps. */
const service = (value: number, { type }: Socket): number =>
  type === SOCK_STREAM ? value & 0xff & ~ECN : value & 0xff;

/** As bpf_sock_ops_cb_flags_set, but all or nothing. */
function storeCallbacks(value: number, socket: Socket): number | undefined {
  if ((value & ~SOCK_OPS_ALL_CB_FLAGS) !== 0) return undefined;
  socket.sockOpsFlags = value;
  return value;
}

/** Packets get a priority by it. */
function serviceAndPriority(value: number, socket: Socket): number {
  const tos = service(value, socket);
  if (tos !== (socket.numbers.get(key(IPPROTO_IP, IP_TOS)) ?? 0))
    socket.options.priority = PRIORITIES[(tos & 0x1e) >> 3] ?? 0;
  return tos;
}

/** What programs may set and read of a socket (bpf_setsockopt), as Linux 6.18 takes it. Most is only kept. */
// biome-ignore format: aligned table
const OPTIONS: readonly Option[] = [
  { level: SOL_SOCKET, name: 2,  field: 'reuseAddress' },
  { level: SOL_SOCKET, name: 7,  initial: 212992, store: buffer(MIN_SEND) },
  { level: SOL_SOCKET, name: 8,  initial: 212992, store: buffer(MIN_RECEIVE) },
  { level: SOL_SOCKET, name: 9,  store: flag },
  { level: SOL_SOCKET, name: 12, field: 'priority' },
  { level: SOL_SOCKET, name: 15, field: 'reusePort' },
  { level: SOL_SOCKET, name: 18, initial: 1, store: (value, { type }) => Math.min(value < 0 ? INT_MAX : value || 1, type === SOCK_STREAM ? MAX_LOWAT : INT_MAX) },
  { level: SOL_SOCKET, name: 36, field: 'mark' },
  { level: SOL_SOCKET, name: 47, initial: -1 },
  { level: SOL_SOCKET, name: 62, field: 'boundDevice', store: (value) => (value < 0 ? undefined : value) },
  { level: SOL_SOCKET, name: 74, initial: 1, store: within(0, 1) },

  { level: IPPROTO_TCP, name: 1,  only: 'tcp', store: flag },
  {
    level: IPPROTO_TCP, name: TCP_MAXSEG, only: 'tcp', store: (value) => (value === 0 ? 0 : within(88, 32767)(value)),
    shown: (stored, socket) => (stored !== 0 && !socket.connected ? stored : socket.segmentSize),
  },
  { level: IPPROTO_TCP, name: 4,  only: 'tcp', initial: 7200, store: within(1, 32767) },
  { level: IPPROTO_TCP, name: 5,  only: 'tcp', initial: 75, store: within(1, 32767) },
  { level: IPPROTO_TCP, name: 6,  only: 'tcp', initial: 9, store: within(1, 127) },
  { level: IPPROTO_TCP, name: TCP_SYNCNT, only: 'tcp', initial: 6, store: within(1, 127) },
  { level: IPPROTO_TCP, name: 10, only: 'tcp', store: (value) => (value === 0 ? 0 : Math.max(value, MIN_RECEIVE / 2)) },
  { level: IPPROTO_TCP, name: 16, only: 'tcp', store: within(0, 1) },
  { level: IPPROTO_TCP, name: 18, only: 'tcp', store: within(0, INT_MAX) },
  { level: IPPROTO_TCP, name: 25, only: 'tcp' },
  { level: IPPROTO_TCP, name: TCP_SAVE_SYN, only: 'tcp', store: within(0, 2) },
  { level: IPPROTO_TCP, name: 44, only: 'tcp', initial: 120_000, store: within(1000, 120_000) },
  { level: IPPROTO_TCP, name: 1001, only: 'tcp', store: within(1, INT_MAX), shown: 'no' },
  { level: IPPROTO_TCP, name: 1002, only: 'tcp', store: within(1, INT_MAX), shown: 'no' },
  { level: IPPROTO_TCP, name: 1003, only: 'tcp', initial: MAX_DELAY, store: ticks },
  { level: IPPROTO_TCP, name: 1004, only: 'tcp', initial: MAX_DELAY, store: ticks },
  { level: IPPROTO_TCP, name: 1008, only: 'tcp', store: storeCallbacks, shown: (_, { sockOpsFlags }) => sockOpsFlags },

  { level: IPPROTO_IP, name: IP_TOS, store: serviceAndPriority },
  { level: IPPROTO_IPV6, name: IPV6_TCLASS, only: 'ipv6', store: (value, socket) => (value < -1 || value > 255 ? undefined : service(Math.max(value, 0), socket)) },
  { level: IPPROTO_IPV6, name: 70, only: 'ipv6', initial: 1, store: flag },
];
const key = (level: number, name: number): number => level * 0x10000 + name;
const BY_KEY: ReadonlyMap<number, Option> = new Map(OPTIONS.map((option) => [key(option.level, option.name), option]));

function optionOf(socket: Socket, level: number, name: number): Option | undefined {
  const option = name < 0x10000 && name >= 0 ? BY_KEY.get(key(level, name)) : undefined;
  const fits =
    option?.only === 'tcp' ? socket.type === SOCK_STREAM : option?.only === 'ipv6' ? socket.family === 10 : true;
  return fits ? option : undefined;
}

/** False: programs may not set that. */
export function setProgramOption(socket: Socket, level: number, name: number, value: number): boolean {
  const option = optionOf(socket, level, name);
  const stored = option?.store === undefined ? value : option.store(value, socket);
  if (option === undefined || stored === undefined) return false;
  const { field } = option;
  if (field === undefined) socket.numbers.set(key(level, name), stored);
  else Object.assign(socket.options, { [field]: typeof socket.options[field] === 'boolean' ? stored !== 0 : stored });
  return true;
}

/** `undefined`: programs may not read that. */
export function programOption(socket: Socket, level: number, name: number): number | undefined {
  const option = optionOf(socket, level, name);
  if (option === undefined || option.shown === 'no') return undefined;
  const { field, initial = 0, shown } = option;
  const stored =
    field === undefined ? (socket.numbers.get(key(level, name)) ?? initial) : Number(socket.options[field]);
  return shown === undefined ? stored : shown(stored, socket);
}

/** The type of service, or traffic class, of packets of this family that a socket sends. */
export function serviceOf({ numbers }: Socket, family: Family): number {
  return numbers.get(family === 10 ? key(IPPROTO_IPV6, IPV6_TCLASS) : key(IPPROTO_IP, IP_TOS)) ?? 0;
}

/** The largest segment that a program has allowed. */
export function allowedSegment({ numbers }: Socket): number {
  return numbers.get(key(IPPROTO_TCP, TCP_MAXSEG)) || Number.POSITIVE_INFINITY;
}
