import { UsageError } from '../../errors.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { attachTypeNumber } from '../../uapi/bpf.ts';
import { BPF_F_KPROBE_MULTI_RETURN } from '../../uapi/link.ts';
import { type Attachment, type BpfLink, createLink } from '../link.ts';
import type { BpfProgram } from '../program.ts';
import { addressesBytes } from './addresses.ts';
import { globMatcher } from './glob.ts';
import { attachToEvent } from './perf-event.ts';
import { pmuType, readTracefs, returnProbeBit } from './tracefs.ts';

export interface KprobeOptions {
  /** Bytes from the function's start. Default 0. */
  readonly offset?: number | undefined;
  /** When the function returns, instead of when it is called. */
  readonly returns?: boolean | undefined;
  readonly cookie?: bigint | undefined;
}

/**
 * Attaches a program of type kprobe to a function of the kernel. Throws SysError: ENOENT or EADDRNOTAVAIL if there is no such function, or none that can be
 * probed; NotSupportedError if the kernel has no kprobes.
 *
 * @example
 * using attached = attachKprobe(program, 'do_unlinkat', { returns: true });
 */
export function attachKprobe(program: BpfProgram, func: string, options: KprobeOptions = {}): Attachment {
  const { offset = 0, returns = false, cookie } = options;
  if (func === '') throw new UsageError('a kprobe needs the name of a function');
  const { kernel } = program;
  const event = {
    type: pmuType(kernel, 'kprobe'),
    config: returns ? 1n << returnProbeBit(kernel, 'kprobe') : 0n,
    kprobe_func: func,
    probe_offset: BigInt(offset),
  };
  const where = `on ${func}${offset === 0 ? '' : `+0x${offset.toString(16)}`}${returns ? ' (return)' : ''}`;
  return attachToEvent(program, where, event, { pid: -1, cpu: 0, cookie });
}

/** The functions of a multi-probe. */
export type KprobeTargets =
  | { readonly functions: readonly string[] }
  | { readonly addresses: readonly bigint[] }
  /** All functions that can be traced and whose name fits: `*` any characters, `?` one. */
  | { readonly pattern: string };

export interface KprobeMultiOptions {
  readonly returns?: boolean | undefined;
  /** The program was loaded as trace_kprobe_session: it runs at entry and return (Linux >= 6.10). */
  readonly session?: boolean | undefined;
  /** One for each function. */
  readonly cookies?: readonly bigint[] | undefined;
}

/** Attaches a program that was loaded as trace_kprobe_multi to many functions at once (Linux >= 5.18). */
export function attachKprobeMulti(
  program: BpfProgram,
  targets: KprobeTargets,
  { returns = false, session = false, cookies }: KprobeMultiOptions = {},
): BpfLink {
  const functions = functionsOf(program.kernel, targets);
  const addresses = 'addresses' in targets ? targets.addresses : undefined;
  const count = (addresses ?? functions).length;
  if (count === 0) throw new UsageError(`no function of this kernel fits ${JSON.stringify(targets)}`);
  if (cookies !== undefined && cookies.length !== count) {
    throw new UsageError(`${cookies.length} cookies for ${count} functions; there has to be one for each`);
  }
  return createLink(program, `on ${count} functions`, {
    attach_type: attachTypeNumber[session ? 'trace_kprobe_session' : 'trace_kprobe_multi'],
    'kprobe_multi.flags': returns ? BPF_F_KPROBE_MULTI_RETURN : 0,
    'kprobe_multi.cnt': count,
    'kprobe_multi.syms': addresses === undefined ? functions : undefined,
    'kprobe_multi.addrs': addresses && addressesBytes(addresses),
    'kprobe_multi.cookies': cookies && addressesBytes(cookies),
  });
}

/** Bytes of tracefs' list of functions, of which a kernel has some ten thousand. */
const MAX_LIST = 1 << 26;

function functionsOf(kernel: Kernel, targets: KprobeTargets): readonly string[] {
  if ('functions' in targets) return targets.functions;
  if ('addresses' in targets) return [];
  const { pattern } = targets;
  const fits = globMatcher(pattern);
  const lines = readTracefs(kernel, 'available_filter_functions', MAX_LIST).split('\n');
  // `name [module]`; a name may be there several times, which the kernel would refuse.
  return [...new Set(lines.map((line) => line.split(/[ \t]/)[0] ?? '').filter((name) => name !== '' && fits(name)))];
}
