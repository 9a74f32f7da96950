import { type AttachType, attachTypeNumber, type ProgType } from '../../../uapi/bpf.ts';
import type { HelperName } from '../../../uapi/helpers.ts';
import { PROTOTYPES } from './prototype-table.ts';
import { VARIANTS } from './prototype-variants.ts';

/** What a register of a helper call must hold: enum bpf_arg_type without ARG_ and PTR_TO_. */
export type ArgBase =
  | 'anything'
  | 'const_map_ptr'
  | 'map_key'
  | 'map_value'
  | 'mem'
  | 'const_size'
  | 'const_size_or_zero'
  | 'const_alloc_size_or_zero'
  | 'ctx'
  | 'spin_lock'
  | 'sock_common'
  | 'socket'
  | 'btf_id'
  | 'btf_id_sock_common'
  | 'ringbuf_mem'
  | 'percpu_btf_id'
  | 'func'
  | 'stack'
  | 'const_str'
  | 'timer'
  | 'kptr_xchg_dest'
  | 'dynptr';

/** What r0 holds after it: enum bpf_return_type without RET_ and PTR_TO_. */
export type RetBase =
  | 'integer'
  | 'void'
  | 'map_value'
  | 'socket'
  | 'tcp_sock'
  | 'sock_common'
  | 'mem'
  | 'mem_or_btf_id'
  | 'btf_id';

export interface ArgProto {
  readonly base: ArgBase;
  /** It may be 0. */
  readonly null: boolean;
  /** The memory need not be initialised; the helper fills it. */
  readonly uninit: boolean;
  /** The helper writes the memory: it must not be read-only. */
  readonly write: boolean;
  readonly rdonly: boolean;
  /** The reference ends with the call. */
  readonly release: boolean;
  /** The memory is aligned to its size. */
  readonly aligned: boolean;
  /** Bytes of the memory, where no argument says how many. */
  readonly size?: number;
  /** Name of the struct in the kernel's BTF. */
  readonly struct?: string;
  /** The kind of dynptr; any where there is none. */
  readonly dynptr?: 'local' | 'ringbuf';
}

export interface RetProto {
  readonly base: RetBase;
  readonly null: boolean;
  readonly trusted: boolean;
  readonly rdonly: boolean;
  /** The memory is a record of a ring buffer. */
  readonly ringbuf: boolean;
  readonly struct?: string;
}

/** What the verifier of Linux 6.18 knows of a helper: struct bpf_func_proto. */
export interface HelperProto {
  readonly name: HelperName;
  readonly returns: RetProto;
  readonly args: readonly ArgProto[];
  /** Only for programs of a licence that is compatible with the GPL. */
  readonly gplOnly: boolean;
  /** Memory, keys and values may be in the packet. */
  readonly pktAccess: boolean;
  readonly mightSleep: boolean;
  /** The call keeps r1 to r5. */
  readonly allowFastcall: boolean;
}

/** One place's prototype of a helper; `on` names the hooks where not all of the type have it. */
export interface Variant {
  readonly helper: HelperName;
  readonly types: readonly ProgType[];
  readonly on?: readonly AttachType[];
  /** Only for sleepable programs. */
  readonly sleepable?: true;
  readonly proto: Unnamed;
}
export type Unnamed = Omit<HelperProto, 'name'>;

/** The prototype of a helper for a program of this type and hook. That the program may call it is another matter: `allowedHelpers`. */
export function helperProto(name: HelperName, progType: ProgType, attachType: number, sleepable = false): HelperProto {
  const variants = VARIANTS_OF.get(name) ?? [];
  const variant = variants.find(({ types, on, sleepable: only }) => {
    if (only === true && !sleepable) return false;
    return types.includes(progType) && (on === undefined || on.some((hook) => attachTypeNumber[hook] === attachType));
  });
  return variant?.named ?? NAMED[name];
}

const NAMED = Object.fromEntries(
  Object.entries(PROTOTYPES).map(([name, proto]) => [name, { name, ...proto }]),
) as Readonly<Record<HelperName, HelperProto>>; // fromEntries loses the keys

const VARIANTS_OF = new Map<HelperName, readonly (Variant & { readonly named: HelperProto })[]>();
for (const variant of VARIANTS) {
  const { helper: name, proto } = variant;
  VARIANTS_OF.set(name, [...(VARIANTS_OF.get(name) ?? []), { ...variant, named: { name, ...proto } }]);
}
