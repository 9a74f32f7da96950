import { type AttachType, attachTypeNumber, type ProgType } from '../../../uapi/bpf.ts';
import { CONTEXTS, type PointerKind, type Row, SOCKETS } from './context-rows.ts';

export interface Access {
  readonly off: number;
  /** 1, 2, 4 or 8. */
  readonly size: number;
  readonly write: boolean;
}

/** What a register holds that was loaded so, or `scalar` for a store that may be. */
export interface Accessed {
  readonly kind: 'scalar' | PointerKind;
}

/** The structs that pointers to sockets and packets' keys show. */
export type SocketKind = keyof typeof SOCKETS;

/**
 * What Linux 6.18 lets a program of this type, loaded for this hook (BPF_* of enum bpf_attach_type), do with its context. `undefined`: it refuses the program
 * with `invalid bpf_context access off=%d size=%d`.
 */
export function contextAccess(type: ProgType, attachType: number, access: Access): Accessed | undefined {
  if (BTF_CONTEXTS.includes(type)) return btfAccess(access);
  const contexts = CONTEXTS.filter(({ types }) => types.includes(type));
  const context =
    contexts.find(({ on }) => on?.some((hook) => isHook(hook, attachType))) ??
    contexts.find(({ on }) => on === undefined);
  return context === undefined ? undefined : find(context.rows, access);
}

/** Likewise for what a pointer to a socket of this kind, or to the keys of a flow dissector, points to. */
export function socketAccess(kind: SocketKind, access: Access): Accessed | undefined {
  return find(SOCKETS[kind], access);
}

/** Those whose context is the arguments of a function of the kernel, eight bytes each; what each is, the kernel's BTF says. */
const BTF_CONTEXTS: readonly ProgType[] = ['tracing', 'lsm', 'struct_ops'];
const MAX_ARGUMENTS = 12;

function btfAccess({ off, size, write }: Access): Accessed | undefined {
  return !write && off % 8 === 0 && size <= 8 && off >= 0 && off < MAX_ARGUMENTS * 8 ? { kind: 'btf' } : undefined;
}

function isHook(hook: AttachType, attachType: number): boolean {
  return attachTypeNumber[hook] === attachType;
}

function find(rows: readonly Row[], { off, size, write }: Access): Accessed | undefined {
  const row = rows.find(([from, to, reads, writes = '', , align]) => {
    if (off < from || off + size > to) return false;
    return (align === 'unaligned' || off % size === 0) && (write ? writes : reads).includes(`${size}`);
  });
  if (row === undefined) return undefined;
  const kind = row[4] ?? '';
  return { kind: write || kind === '' ? 'scalar' : kind };
}
