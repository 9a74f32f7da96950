import { errno } from '../../../uapi/errno.ts';
import type { FilledOps, StructOpsKind } from './kind.ts';

/** TCP_CONG_NON_RESTRICTED, TCP_CONG_NEEDS_ECN, TCP_CONG_NEEDS_ACCECN, TCP_CONG_ECT_1_NEGOTIATION and TCP_CONG_NO_FALLBACK_RFC3168. */
const TCP_CONG_MASK = 0x3;

/** Congestion controls of TCP that are programs. Source: net/ipv4/bpf_tcp_ca.c. */
export const congestionOps: StructOpsKind = {
  name: 'tcp_congestion_ops',
  checkMember(name, bytes) {
    if (name === 'flags') return (word(bytes) & ~TCP_CONG_MASK) !== 0 ? -errno.EINVAL : 0;
    if (name === 'name') return /^[A-Za-z0-9_.]+$/.test(textOf(bytes) ?? '') ? 0 : -errno.EINVAL;
    return undefined;
  },
  validate({ functions }) {
    const has = (...names: readonly string[]) => names.some((name) => functions.has(name));
    return has('ssthresh') && has('undo_cwnd') && has('cong_avoid', 'cong_control') ? 0 : -errno.EINVAL;
  },
  register: (ops) => ops.machine.congestion.add(nameOf(ops), ops),
  unregister: (ops) => ops.machine.congestion.remove(nameOf(ops), ops),
  update: (ops, old) =>
    nameOf(ops) === nameOf(old) ? ops.machine.congestion.replace(nameOf(ops), ops, old) : -errno.EINVAL,
};

function nameOf(ops: FilledOps): string {
  return textOf(ops.bytes('name')) ?? '';
}

/** A text that ends with a NUL, and nothing behind that; `undefined` if it is none. */
function textOf(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  if (end < 0 || bytes.subarray(end).some((byte) => byte !== 0)) return undefined;
  return String.fromCharCode(...bytes.subarray(0, end));
}

function word(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}
