import { PROG_TYPES } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { BtfObject } from '../btf-object.ts';
import type { Process } from '../process.ts';
import { type Extension, type ExtensionTarget, extensionProblem, type TargetFunction } from '../verifier/extension.ts';
import type { Records } from './info-records.ts';
import type { BpfProg } from './prog.ts';
import { type Rejection, reject } from './rejection.ts';
import { functions } from './to-verify.ts';

interface Typed {
  readonly btf: BtfObject | undefined;
  readonly funcInfo: Records | undefined;
}

/** A loaded program as one whose functions others may take the place of. */
export function extensionTarget({ attr: { type, expectedAttachType, btf, functions } }: BpfProg): ExtensionTarget {
  return { type: PROG_TYPES[type] ?? 'unspec', attachType: expectedAttachType, btf: btf?.btf, functions };
}

/** The program whose function attach_btf_id is, by attach_prog_fd; `undefined`: it is of the kernel. Or -errno. */
export function aimOf(process: Process, fd: number): BpfProg | undefined | number {
  if (fd === 0) return undefined;
  const prog = process.prog(fd);
  if (typeof prog !== 'number') return prog;
  const btf = process.btf(fd);
  if (typeof btf === 'number') return -errno.EINVAL;
  return btf.name === '' ? -errno.ENOTSUPP : undefined;
}

/** Of a program that nobody has looked at. */
export function unverifiedFunctions(funcInfo: Records | undefined): readonly TargetFunction[] {
  const found = funcInfo === undefined ? [] : functions(funcInfo);
  return found.map(({ typeId, insnOff }) => ({
    typeId,
    start: insnOff,
    changesPacket: true,
    mightSleep: true,
    isExceptionCallback: false,
    isReliable: true,
  }));
}

/** Why a program that nobody looks into is none for its function. */
export function unfit({ btf, funcInfo }: Typed, extension: Extension | undefined): Rejection | undefined {
  if (extension === undefined) return undefined;
  const typeId = funcInfo && functions(funcInfo)[0]?.typeId;
  const problem = extensionProblem({ btf: btf?.btf, typeId, changesPacket: false, mightSleep: false }, extension);
  return problem === undefined ? undefined : reject(problem);
}
