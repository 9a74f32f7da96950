import { saying } from '../calls.ts';
import { type BpfLink, holdLink } from '../link.ts';
import type { BpfProgram } from '../program.ts';

/**
 * Attaches a program of type raw_tracepoint to a tracepoint by its bare name, e.g. `sched_switch`. Throws SysError ENOENT if there is none.
 * `cookie`: what bpf_get_attach_cookie returns (Linux >= 6.10).
 */
export function attachRawTracepoint(
  program: BpfProgram,
  name: string,
  { cookie }: { readonly cookie?: bigint | undefined } = {},
): BpfLink {
  return openRawTracepoint(program, name, cookie);
}

/** BPF_RAW_TRACEPOINT_OPEN; without a name, for programs that know from their load where they belong. */
export function openRawTracepoint(program: BpfProgram, name: string | undefined, cookie: bigint | undefined): BpfLink {
  const fd = saying(`of ${program.label}${name === undefined ? '' : ` on ${name}`}`, () =>
    program.kernel.bpf('BPF_RAW_TRACEPOINT_OPEN', { name, prog_fd: program.fd, cookie }),
  );
  return holdLink(program, fd);
}
