import { UsageError } from '../../errors.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { ATTACH_TYPES, type AttachType, attachTypeNumber } from '../../uapi/bpf.ts';
import { BPF_F_ALLOW_MULTI, BPF_F_ALLOW_OVERRIDE, BPF_F_PREORDER, BPF_F_REPLACE } from '../../uapi/link.ts';
import { saying } from '../calls.ts';
import { checkKernel } from '../handle.ts';
import { type BpfLink, createLink } from '../link.ts';
import type { BpfProgram } from '../program.ts';
import { withOpened } from './open.ts';
import { type Position, positionAttr } from './position.ts';
import { queryPrograms } from './query.ts';
import { attachUndoably } from './undo.ts';

/** `cgroup_inet_ingress`, …, and `lsm_cgroup`. */
export type CgroupHook = Extract<AttachType, `cgroup_${string}` | 'lsm_cgroup'>;

export const CGROUP_HOOKS: readonly CgroupHook[] = ATTACH_TYPES.filter(
  (type): type is CgroupHook => type.startsWith('cgroup_') || type === 'lsm_cgroup',
);

/**
 * Attaches a program to a cgroup, given by its directory. It runs for the processes of the cgroup and of those below, with the other programs there,
 * as long as the link.
 *
 * Throws SysError: EBADF if the path is no cgroup, EINVAL if the program is of another kind than the hook, EPERM if an ancestor does not allow it.
 *
 * @example
 * using link = attachToCgroup(program, '/sys/fs/cgroup/mine', 'cgroup_inet_egress');
 */
export function attachToCgroup(
  program: BpfProgram,
  cgroup: string,
  hook: CgroupHook,
  position: Position = {},
): BpfLink {
  const { flags, relative_fd, relative_id, expected_revision } = positionAttr(program.kernel, position);
  return withOpened(program.kernel, cgroup, (target_fd) =>
    createLink(program, `on ${cgroup} ${hook}`, {
      target_fd,
      attach_type: attachTypeNumber[hook],
      flags,
      'cgroup.relative_fd': relative_fd,
      'cgroup.relative_id': relative_id,
      'cgroup.expected_revision': expected_revision,
    }),
  );
}

export interface CgroupOptions extends Position {
  /**
   * `none`: the only program, which forbids others below; `override`: the only one, and a cgroup below may have its own instead; `multi`: one of
   * several. The first program at a hook decides for it. Default `none`.
   */
  readonly mode?: 'none' | 'override' | 'multi' | undefined;
  /** With `multi`: the program whose place it takes, in one step. */
  readonly replace?: BpfProgram | undefined;
  /** With `multi`: before those of cgroups below (Linux >= 6.16). */
  readonly preorder?: boolean | undefined;
}

const MODES = { none: 0, override: BPF_F_ALLOW_OVERRIDE, multi: BPF_F_ALLOW_MULTI } as const;

/**
 * As {@link attachToCgroup}, without a link: it stays until somebody detaches it, or the cgroup goes. Throws SysError EPERM also if the hook has
 * programs of another mode.
 */
export function attachProgramToCgroup(
  program: BpfProgram,
  cgroup: string,
  hook: CgroupHook,
  { mode = 'none', replace, preorder = false, ...position }: CgroupOptions = {},
): void {
  const { kernel } = program;
  if (replace !== undefined) checkKernel(kernel, replace);
  if (replace !== undefined && mode !== 'multi') throw new UsageError("`replace` needs mode 'multi'");
  const { flags, ...relative } = positionAttr(kernel, position);
  const attach_flags =
    flags | MODES[mode] | (replace === undefined ? 0 : BPF_F_REPLACE) | (preorder ? BPF_F_PREORDER : 0);
  const attach = () =>
    withOpened(kernel, cgroup, (target_fd) =>
      saying(`of ${program.label} on ${cgroup} ${hook}`, () =>
        kernel.bpf('BPF_PROG_ATTACH', {
          target_fd,
          attach_bpf_fd: program.fd,
          attach_type: attachTypeNumber[hook],
          attach_flags,
          replace_bpf_fd: replace?.fd,
          ...relative,
        }),
      ),
    );
  attachUndoably(
    program,
    () => (mode === 'multi' ? replace?.id : queryPrograms(kernel, { cgroup }, hook).programs[0]?.id),
    attach,
    (former) => {
      if (former === undefined) detachProgramFromCgroup(kernel, cgroup, hook, program);
      else
        attachProgramToCgroup(former, cgroup, hook, {
          mode,
          preorder,
          replace: mode === 'multi' ? program : undefined,
        });
    },
  );
}

/** Detaches a program that was attached without a link. Throws SysError ENOENT if it is not there. */
export function detachProgramFromCgroup(kernel: Kernel, cgroup: string, hook: CgroupHook, program: BpfProgram): void {
  checkKernel(kernel, program);
  withOpened(kernel, cgroup, (target_fd) =>
    saying(`of ${program.label} on ${cgroup} ${hook}`, () =>
      kernel.bpf('BPF_PROG_DETACH', {
        target_fd,
        attach_bpf_fd: program.fd,
        attach_type: attachTypeNumber[hook],
      }),
    ),
  );
}
