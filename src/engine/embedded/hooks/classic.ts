import type { Machine } from '../machine.ts';
import type { Skb } from '../progs/skb.ts';

/** One `struct sock_filter`, 8 bytes: u16 code, u8 jt, u8 jf, u32 k. */
export interface ClassicInsn {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  /** Unsigned. */
  readonly k: number;
}

/** Instructions that a classic program may have. */
const BPF_MAXINSNS = 4096;
/** Words of scratch memory. */
const BPF_MEMWORDS = 16;
/** From this offset on a load does not read the packet but what is known of it. */
const SKF_AD_OFF = -0x1000;

/**
 * The instructions of a classic program, if the kernel would take it: known codes, jumps inside, no division by a constant zero, scratch words
 * written before they are read, a return at the end. `undefined` otherwise.
 */
export function decodeClassic(bytes: Uint8Array): readonly ClassicInsn[] | undefined {
  const count = bytes.length / 8;
  if (!Number.isInteger(count) || count === 0 || count > BPF_MAXINSNS) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const insns = Array.from({ length: count }, (_, i) => ({
    code: view.getUint16(8 * i, true),
    jt: view.getUint8(8 * i + 2),
    jf: view.getUint8(8 * i + 3),
    k: view.getUint32(8 * i + 4, true),
  }));
  const isReturn = (insn: ClassicInsn | undefined) => insn !== undefined && (insn.code & 7) === 6;
  const valid = insns.every((insn, i) => isValid(insn, i, count)) && isReturn(insns.at(-1));
  return valid && scratchIsWritten(insns) ? insns : undefined;
}

/**
 * What the program returns for a packet, unsigned 32 bits: 0 if it reads outside of the packet. It ends, because classic jumps only go forward.
 */
export function runClassic(insns: readonly ClassicInsn[], skb: Skb, machine: Machine): number {
  const scratch = new Uint32Array(BPF_MEMWORDS);
  let a = 0;
  let x = 0;
  for (let pc = 0; ; pc++) {
    const insn = insns[pc];
    if (insn === undefined) return 0;
    const { code, jt, jf, k } = insn;
    const operand = code & 0x08 ? x : k;
    switch (code) {
      case 0x20: // ld, ldh, ldb [k]
      case 0x28:
      case 0x30:
      case 0x40: // ld, ldh, ldb [x + k]
      case 0x48:
      case 0x50: {
        const offset = ((code & 0x40 ? x : 0) + k) | 0;
        const loaded =
          offset >= SKF_AD_OFF && offset < 0
            ? ancillary(offset - SKF_AD_OFF, skb, machine, a, x)
            : load(skb, offset, SIZES[code & 0x18] ?? 1);
        if (loaded === undefined) return 0;
        a = loaded;
        continue;
      }
      case 0x00: // ld #k
        a = k;
        continue;
      case 0x80: // ld #len
        a = skb.length;
        continue;
      case 0x60: // ld M[k]
        a = scratch[k] ?? 0;
        continue;
      case 0x01: // ldx #k
        x = k;
        continue;
      case 0x81: // ldx #len
        x = skb.length;
        continue;
      case 0x61: // ldx M[k]
        x = scratch[k] ?? 0;
        continue;
      case 0xb1: {
        // ldx 4 * ([k] & 15): the length of an IPv4 header
        const loaded = load(skb, k | 0, 1);
        if (loaded === undefined) return 0;
        x = (loaded & 15) << 2;
        continue;
      }
      case 0x02: // st M[k]
        scratch[k] = a;
        continue;
      case 0x03: // stx M[k]
        scratch[k] = x;
        continue;
      case 0x06: // ret #k
        return k;
      case 0x16: // ret a
        return a;
      case 0x07: // tax
        x = a;
        continue;
      case 0x87: // txa
        a = x;
        continue;
      case 0x05: // ja
        pc += k;
        continue;
      case 0x84: // neg
        a = -a >>> 0;
        continue;
    }
    switch (code & 0xf7) {
      case 0x15: // jeq
        pc += a === operand ? jt : jf;
        continue;
      case 0x25: // jgt
        pc += a > operand ? jt : jf;
        continue;
      case 0x35: // jge
        pc += a >= operand ? jt : jf;
        continue;
      case 0x45: // jset
        pc += (a & operand) !== 0 ? jt : jf;
        continue;
      case 0x34: // div
      case 0x94: // mod
        if (operand === 0) return 0;
        a = code & 0x80 ? a % operand : Math.floor(a / operand);
        continue;
      default:
        a = arithmetic(code & 0xf0, a, operand);
    }
  }
}

function arithmetic(op: number, a: number, b: number): number {
  switch (op) {
    case 0x00:
      return (a + b) >>> 0;
    case 0x10:
      return (a - b) >>> 0;
    case 0x20:
      return Math.imul(a, b) >>> 0;
    case 0x40:
      return (a | b) >>> 0;
    case 0x50:
      return (a & b) >>> 0;
    case 0x60:
      return (a << (b & 31)) >>> 0;
    case 0x70:
      return a >>> (b & 31);
    default: // 0xa0
      return (a ^ b) >>> 0;
  }
}

const SIZES: Readonly<Record<number, 1 | 2 | 4>> = { 0: 4, 8: 2, 16: 1 };

function load(skb: Skb, offset: number, size: 1 | 2 | 4): number | undefined {
  const at = skb.absolute(offset, size);
  if (at < 0) return undefined;
  const view = skb.memory.dv;
  return size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at);
}

/** SKF_AD_*: what is known of the packet. `undefined`: this is not. */
function ancillary(which: number, skb: Skb, machine: Machine, a: number, x: number): number | undefined {
  switch (which) {
    case 0:
      return skb.protocol;
    case 4:
      return skb.pktType;
    case 8:
      return skb.ifindex;
    case 12:
      return netlinkAttribute(skb, a, x, false);
    case 16:
      return netlinkAttribute(skb, a, x, true);
    case 20:
      return skb.get('mark');
    case 24:
      return skb.get('queue_mapping');
    case 28:
      return 1; // ARPHRD_ETHER
    case 32:
      return skb.hash;
    case 36:
      return machine.cpu;
    case 40: // XOR X
      return (a ^ x) >>> 0;
    case 44: // VLAN tag, present, protocol: tags stay in the frame here
    case 48:
    case 60:
      return 0;
    case 52: // payload offset
      return skb.network - skb.mac;
    case 56:
      return machine.random();
    default:
      return undefined;
  }
}

/** The offset of the netlink attribute of type `x` from offset `a` on; 0 if there is none. `nested`: inside the attribute at `a`. */
function netlinkAttribute(skb: Skb, a: number, x: number, nested: boolean): number {
  const view = skb.memory.dv;
  let at = a;
  let end = skb.length;
  if (at + 4 > end) return 0;
  if (nested) {
    const length = view.getUint16(skb.data + at, true);
    if (length > end - at) return 0;
    end = at + length;
    at += 4;
  }
  while (at + 4 <= end) {
    const length = view.getUint16(skb.data + at, true);
    if (length < 4 || length > end - at) return 0;
    if ((view.getUint16(skb.data + at + 2, true) & 0x3fff) === x) return at;
    at += (length + 3) & ~3;
  }
  return 0;
}

/** Every code of classic BPF; `k`: what is checked of it. */
// biome-ignore format: aligned table
const CODES: ReadonlyMap<number, 'any' | 'shift' | 'divisor' | 'scratch' | 'ja' | 'jump'> = new Map([
  ...[0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x80, 0x01, 0x81, 0xb1, 0x06, 0x16, 0x07, 0x87, 0x84].map((code) => [code, 'any'] as const),
  ...[0x04, 0x14, 0x24, 0x44, 0x54, 0xa4, 0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c, 0x9c, 0xac].map((code) => [code, 'any'] as const),
  ...[0x64, 0x74].map((code) => [code, 'shift'] as const),
  ...[0x34, 0x94].map((code) => [code, 'divisor'] as const),
  ...[0x60, 0x61, 0x02, 0x03].map((code) => [code, 'scratch'] as const),
  [0x05, 'ja'],
  ...[0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d].map((code) => [code, 'jump'] as const),
]);

function isValid({ code, jt, jf, k }: ClassicInsn, i: number, count: number): boolean {
  switch (CODES.get(code)) {
    case undefined:
      return false;
    case 'any':
      return code !== 0x20 && code !== 0x28 && code !== 0x30 ? true : isKnownOffset(k);
    case 'shift':
      return k < 32;
    case 'divisor':
      return k !== 0;
    case 'scratch':
      return k < BPF_MEMWORDS;
    case 'ja':
      return k < count - i - 1;
    case 'jump':
      return i + jt + 1 < count && i + jf + 1 < count;
  }
}

/** An absolute load beyond SKF_AD_OFF names something that the kernel knows of a packet. */
function isKnownOffset(k: number): boolean {
  const offset = k | 0;
  return offset >= 0 || offset < SKF_AD_OFF || (offset - SKF_AD_OFF <= 60 && (offset - SKF_AD_OFF) % 4 === 0);
}

/** Whether every scratch word that is read has been written on all ways that lead there. */
function scratchIsWritten(insns: readonly ClassicInsn[]): boolean {
  const ALL = (1 << BPF_MEMWORDS) - 1;
  const written = new Array<number>(insns.length).fill(ALL);
  let now = 0;
  for (const [pc, { code, jt, jf, k }] of insns.entries()) {
    now &= written[pc] ?? ALL;
    const meet = (target: number) => {
      written[target] = (written[target] ?? ALL) & now;
    };
    if (code === 0x02 || code === 0x03) now |= 1 << k;
    else if ((code === 0x60 || code === 0x61) && (now & (1 << k)) === 0) return false;
    else if (code === 0x05) {
      meet(pc + 1 + k);
      now = ALL;
    } else if ((code & 7) === 5) {
      meet(pc + 1 + jt);
      meet(pc + 1 + jf);
      now = ALL;
    }
  }
  return true;
}
