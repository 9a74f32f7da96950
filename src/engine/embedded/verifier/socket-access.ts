import { socketAccess as memberAccess } from './context-access.ts';
import type { RegKind } from './reg.ts';

/** Whether a load from a socket is one of a member that programs may see. */
export function socketAccess(kind: RegKind, off: number, size: number): boolean {
  switch (kind) {
    case 'socket':
    case 'sock_common':
    case 'tcp_sock':
    case 'xdp_sock':
      return memberAccess(kind, { off, size, write: false }) !== undefined;
    default:
      return false;
  }
}
