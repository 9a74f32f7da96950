import { parseBtf } from '../btf/index.ts';
import { NotSupportedError, UsageError } from '../errors.ts';
import type { ProgramSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { AttachType, ProgType } from '../uapi/bpf.ts';
import type { Fd } from '../uapi/fd.ts';
import { btfBytes, withBtf } from './info.ts';
import type { KernelTypes } from './kernel-btf.ts';
import type { BpfProgram } from './program.ts';

/**
 * What a program is made for, where its section does not say it: a function of the kernel (`tcp_connect`; of a module `ext4:ext4_sync_fs`), an LSM hook,
 * a raw tracepoint, an iterator; or a function of a loaded program, which a `freplace` program replaces and an `fentry` program looks at.
 */
export type AttachTarget = string | { readonly program: BpfProgram; readonly function: string };

/** The part of BPF_PROG_LOAD that says it. */
export interface TargetAttr {
  readonly attach_btf_id: number;
  /** A program, or (at the same place of the union) the BTF object of a module; `undefined`: the kernel itself. */
  readonly attach_prog_fd: Fd | undefined;
  /** Of a struct_ops program the number of its member; others have their section's attach type. */
  readonly expected_attach_type?: number;
}

/** How the kernel's BTF spells what a program can be made for. Source: libbpf's rules. */
const SPELLING: Partial<Readonly<Record<AttachType, { readonly kind: 'func' | 'typedef'; readonly prefix: string }>>> =
  {
    trace_raw_tp: { kind: 'typedef', prefix: 'btf_trace_' },
    trace_fentry: { kind: 'func', prefix: '' },
    trace_fexit: { kind: 'func', prefix: '' },
    modify_return: { kind: 'func', prefix: '' },
    trace_iter: { kind: 'func', prefix: 'bpf_iter_' },
    lsm_mac: { kind: 'func', prefix: 'bpf_lsm_' },
    lsm_cgroup: { kind: 'func', prefix: 'bpf_lsm_' },
  };

/**
 * Finds what a program of type tracing, lsm or ext is made for; `undefined` for other types. `asked` wins over the section's name (`fentry/FUNCTION`).
 * Throws UsageError if neither says it, NotSupportedError if the kernel, or the program named, does not have it.
 */
export function attachTarget(
  kernel: Kernel,
  program: ProgramSpec,
  type: ProgType,
  types: KernelTypes,
  asked: AttachTarget | undefined,
): TargetAttr | undefined {
  if (type !== 'tracing' && type !== 'lsm' && type !== 'ext') {
    if (asked === undefined) return undefined;
    throw new UsageError(
      `program ${program.name} is of type ${type}, which is not made for one function (option targets)`,
    );
  }
  if (typeof asked === 'object') return programTarget(kernel, program, asked.program, asked.function);
  const name = asked ?? sectionTarget(program.section);
  if (name === undefined || type === 'ext') {
    const way =
      type === 'ext' ? `{ program, function: '${name ?? 'NAME'}' }` : "'NAME', or { program, function: 'NAME' }";
    throw new UsageError(
      `program ${program.name}: its section ${program.section} does not say what it is made for; say it with the option targets, { ${program.name}: ${way} }`,
    );
  }
  return kernelTarget(program, name, types);
}

/** What stands after the first slash: `tcp_connect` of `fentry/tcp_connect`. */
function sectionTarget(section: string): string | undefined {
  const slash = section.indexOf('/');
  return slash < 0 || slash === section.length - 1 ? undefined : section.slice(slash + 1);
}

function kernelTarget(program: ProgramSpec, name: string, types: KernelTypes): TargetAttr {
  const spelling = program.attachType && SPELLING[program.attachType];
  if (spelling === undefined)
    throw new UsageError(`program ${program.name}: its section ${program.section} names no attach type`);
  const [, module, plain = name] = /^([^:]+):(.+)$/.exec(name) ?? [];
  const found = types.find(spelling.kind, spelling.prefix + plain, module);
  if (found !== undefined) return { attach_btf_id: found.id, attach_prog_fd: found.fd };
  throw new NotSupportedError(
    `program ${program.name} (${program.section}) on a kernel without ${spelling.kind} ${spelling.prefix}${plain}${module === undefined ? '' : ` in ${module}`}`,
  );
}

function programTarget(kernel: Kernel, program: ProgramSpec, target: BpfProgram, name: string): TargetAttr {
  const { btfId } = target.info;
  if (btfId === undefined) {
    throw new UsageError(`program ${program.name}: ${target.label}, which it is made for, was loaded without BTF`);
  }
  const btf = withBtf(kernel, btfId, (fd) => parseBtf(btfBytes(kernel, fd)));
  const id = btf.find('func', name);
  if (id !== undefined) return { attach_btf_id: id, attach_prog_fd: target.fd };
  throw new UsageError(`program ${program.name}: ${target.label} has no function ${name}`);
}
