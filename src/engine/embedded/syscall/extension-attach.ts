import { errno } from '../../../uapi/errno.ts';
import { ExtensionLink } from '../links/extension-link.ts';
import type { Process } from '../process.ts';
import { extensionTarget } from '../progs/extensions.ts';
import type { BpfProg } from '../progs/prog.ts';
import { functions } from '../progs/to-verify.ts';
import { extensionProblem } from '../verifier/extension.ts';

/** Where a program is to be attached. */
interface Place {
  /** 0: to what it was loaded for, which it can be once. */
  readonly targetFd: number;
  /** The function, in the target's BTF; 0 if there is no `targetFd`. */
  readonly typeId: number;
  /** BPF_* of enum bpf_attach_type. It means nothing, and is told again. */
  readonly attachType: number;
  readonly cookie: bigint;
}

/** Puts a program of type ext in the place of a function: the fd of a link, or -errno. */
export function attachExtension(
  process: Process,
  prog: BpfProg,
  { targetFd, typeId, attachType, cookie }: Place,
): number {
  if ((targetFd !== 0) !== (typeId !== 0)) return -errno.EINVAL;
  const target = targetFd === 0 ? prog.aim : process.prog(targetFd);
  if (typeof target === 'number') return target;
  if (target === undefined) return -errno.EINVAL;
  const wanted = typeId === 0 ? prog.attr.attachBtfId : typeId;
  if ((target !== prog.aim || wanted !== prog.attr.attachBtfId) && !fits(prog, target, wanted)) return -errno.EINVAL;
  const func = target.attr.functions.find((other) => other.typeId === wanted);
  if (func === undefined) return -errno.EINVAL;
  const link = new ExtensionLink(prog, target, func, attachType, cookie);
  const result = link.attach();
  if (result !== 0) {
    link.put();
    return result;
  }
  prog.aim = undefined;
  return process.installLink(link);
}

/** Whether it could have been loaded for another function as it was for the first one. */
function fits(prog: BpfProg, target: BpfProg, typeId: number): boolean {
  const { btf, funcInfo, extended, functions: own } = prog.attr;
  const by = {
    btf: btf?.btf,
    typeId: funcInfo && functions(funcInfo)[0]?.typeId,
    changesPacket: own[0]?.changesPacket ?? false,
    mightSleep: own[0]?.mightSleep ?? false,
  };
  return (
    extensionProblem(by, { target: extensionTarget(target), typeId }) === undefined &&
    extended?.type === target.attr.type &&
    extended.expectedAttachType === target.attr.expectedAttachType
  );
}
