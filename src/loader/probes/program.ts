import { SysError } from '../../errors.ts';
import { encodeInsns, INSN_SIZE, parseAssembly } from '../../isa/index.ts';
import type { Kernel } from '../../sys/kernel.ts';
import type { BpfAttr } from '../../uapi/attr.ts';
import { attachTypeNumber, BPF_F_SLEEPABLE, PROG_TYPES, type ProgType, progTypeNumber } from '../../uapi/bpf.ts';
import { HELPERS, type HelperName } from '../../uapi/helpers.ts';
import { versionCode } from '../kconfig.ts';

type LoadAttr = BpfAttr<'BPF_PROG_LOAD'>;

/** How a type is asked for beyond its number. */
interface Need {
  readonly attr?: LoadAttr;
  /** Programs of this type belong to something that a probe has not: the kernel has the type if it refuses so. */
  readonly refusal?: { readonly code: string; readonly log: string };
}

/** Types that are not here load as they are. Source: the checks of the kernel that come before the verifier's. */
const NEEDS: Readonly<Partial<Record<ProgType, Need>>> = {
  cgroup_sock_addr: { attr: { expected_attach_type: attachTypeNumber.cgroup_inet4_connect } },
  cgroup_sockopt: { attr: { expected_attach_type: attachTypeNumber.cgroup_getsockopt } },
  sk_lookup: { attr: { expected_attach_type: attachTypeNumber.sk_lookup } },
  lirc_mode2: { attr: { expected_attach_type: attachTypeNumber.lirc_mode2 } },
  netfilter: { attr: { expected_attach_type: attachTypeNumber.netfilter } },
  syscall: { attr: { prog_flags: BPF_F_SLEEPABLE } },
  tracing: {
    attr: { expected_attach_type: attachTypeNumber.trace_fentry, attach_btf_id: 1 },
    refusal: { code: 'EINVAL', log: 'attach_btf_id 1 is not a function' },
  },
  lsm: {
    attr: { expected_attach_type: attachTypeNumber.modify_return, attach_btf_id: 1 },
    refusal: { code: 'EINVAL', log: 'attach_btf_id 1 is not a function' },
  },
  ext: { attr: { attach_btf_id: 1 }, refusal: { code: 'EINVAL', log: 'Cannot replace kernel functions' } },
  struct_ops: { attr: { attach_btf_id: 1 }, refusal: { code: 'ENOTSUPP', log: 'is not a supported struct' } },
};

/** Helpers that are only asked for on request: the kernel's log gets a line when a program that calls them is loaded. */
const LOUD_HELPERS: ReadonlySet<HelperName> = new Set(['trace_printk', 'trace_vprintk', 'probe_write_user']);

/** The verifier's words for a helper that it does not know, or not for this type; their wording changed over time. The last two are those of a device's driver. */
const NO_HELPER =
  /invalid func |unknown func |program of this type cannot use helper |not supported by FW|unsupported function id/;

/** What a device runs itself, of all types. */
const DEVICE_TYPES: readonly ProgType[] = ['sched_cls', 'xdp'];

const LOG_SIZE = 4096;

/** Asks a kernel, or a network device that runs programs itself (`ifindex` not 0), for programs; nothing that is loaded stays. */
export class ProgramProbe {
  readonly #kernel: Kernel;
  readonly #ifindex: number;
  readonly #log = new Uint8Array(LOG_SIZE);
  #version: number | undefined;

  constructor(kernel: Kernel, ifindex: number) {
    this.#kernel = kernel;
    this.#ifindex = ifindex;
  }

  /** Whether there is a bpf(2) at all. */
  hasBpf(): boolean {
    return this.#try({ prog_type: progTypeNumber.unspec }) !== 'ENOSYS';
  }

  /** The program types that are asked for, by number. */
  get types(): readonly ProgType[] {
    return this.#ifindex === 0 ? PROG_TYPES.slice(1) : DEVICE_TYPES;
  }

  hasType(type: ProgType): boolean {
    // 2, XDP_PASS and TC_ACT_SHOT: a device's driver may refuse other verdicts.
    const insns = encodeInsns(parseAssembly(this.#ifindex === 0 ? 'r0 = 0\nexit' : 'r0 = 2\nexit'));
    const { code, log } = this.#load(type, insns);
    const refusal = this.#ifindex === 0 ? NEEDS[type]?.refusal : undefined;
    return refusal === undefined ? code === undefined : code === refusal.code && log.includes(refusal.log);
  }

  /**
   * The helpers that programs of a type may call, by number. Empty for types whose programs no probe can load. `loud`: also those about which the kernel
   * writes to its log.
   */
  helpers(type: ProgType, loud: boolean): HelperName[] {
    if (NEEDS[type]?.refusal !== undefined) return [];
    const insns = encodeInsns(parseAssembly('call 0\nexit'));
    const view = new DataView(insns.buffer);
    return HELPERS.filter((name, id) => {
      if (id === 0 || (!loud && LOUD_HELPERS.has(name))) return false;
      view.setInt32(4, id, true);
      const { code, log } = this.#load(type, insns);
      // The verifier looks at the arguments, which are wrong, only when it knows the helper. What is refused before it came to that says nothing.
      return code === undefined || (code !== 'EPERM' && log !== '' && !NO_HELPER.test(log));
    });
  }

  /** Whether a program of the simplest type loads. Without a log: that of a long program has no room in the buffer, and so would fail. */
  loads(insns: Uint8Array): boolean {
    return this.#try(this.#attr('socket_filter', insns)) === undefined;
  }

  /** The errno's name if the kernel refuses the program, and what it says about it. */
  #load(type: ProgType, insns: Uint8Array): { readonly code: string | undefined; readonly log: string } {
    const log = this.#log.fill(0, 0, 1);
    const code = this.#try({ ...this.#attr(type, insns), log_level: 1, log_size: LOG_SIZE, log_buf: log });
    return { code, log: code === undefined ? '' : new TextDecoder().decode(log.subarray(0, log.indexOf(0))) };
  }

  #attr(type: ProgType, insns: Uint8Array): LoadAttr {
    return {
      prog_type: progTypeNumber[type],
      insn_cnt: insns.length / INSN_SIZE,
      insns,
      license: 'GPL',
      ...(this.#ifindex === 0 ? NEEDS[type]?.attr : { prog_ifindex: this.#ifindex }),
      // Linux < 5.0 takes kprobes only for its own version.
      ...(type === 'kprobe' && { kern_version: this.#kernelVersion() }),
    };
  }

  #try(attr: LoadAttr): string | undefined {
    try {
      this.#kernel.close(this.#kernel.bpf('BPF_PROG_LOAD', attr));
      return undefined;
    } catch (error) {
      if (error instanceof SysError) return error.code;
      throw error;
    }
  }

  #kernelVersion(): number {
    this.#version ??= versionCode(this.#kernel) ?? 0;
    return this.#version;
  }
}
