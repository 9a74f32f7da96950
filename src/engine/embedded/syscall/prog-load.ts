import { decodeInsns, encodeInsns, INSN_SIZE, type Insn, programProblem, programTag } from '../../../isa/index.ts';
import type { BpfAttr } from '../../../uapi/attr.ts';
import {
  attachTypeNumber,
  BPF_F_ANY_ALIGNMENT,
  BPF_F_SLEEPABLE,
  BPF_F_STRICT_ALIGNMENT,
  BPF_F_TEST_REG_INVARIANTS,
  BPF_F_TEST_RND_HI32,
  BPF_F_TEST_STATE_FREQ,
  BPF_F_XDP_DEV_BOUND_ONLY,
  BPF_F_XDP_HAS_FRAGS,
  BPF_OBJ_NAME_LEN,
  PROG_TYPES,
  type ProgType as ProgTypeName,
} from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { BtfObject } from '../btf-object.ts';
import { ArenaMap } from '../maps/arena.ts';
import { cgroupStorages } from '../maps/cgroup-storage.ts';
import { ProgArray } from '../maps/prog-array.ts';
import type { Process } from '../process.ts';
import { runnableWithArena, shownWithArena } from '../progs/arena-insns.ts';
import { checkTarget } from '../progs/attach-target.ts';
import { applyCoreRelocations } from '../progs/core-relocations.ts';
import { aimOf, extensionTarget, unfit, unverifiedFunctions } from '../progs/extensions.ts';
import { type Records, readRecords } from '../progs/info-records.ts';
import { isGplCompatible } from '../progs/license.ts';
import { checkLogRequest, type LogRequest, writeLog } from '../progs/load-log.ts';
import { BpfProg } from '../progs/prog.ts';
import type { ProgType } from '../progs/prog-type.ts';
import { type Rejection, reject } from '../progs/rejection.ts';
import { type Resolved, resolveMaps } from '../progs/resolve.ts';
import { PROG_TYPE_BY_NUMBER } from '../progs/table.ts';
import { functions, type ProgUser, programToVerify } from '../progs/to-verify.ts';
import { type Translated, translate, withoutDead } from '../progs/translate.ts';
import { exceptionCallback } from '../verifier/exception-callback.ts';
import { BPF_COMPLEXITY_LIMIT_INSNS, figuresText } from '../verifier/figures.ts';
import { type Verdict, verify } from '../verifier/verify.ts';

type Attr = BpfAttr<'BPF_PROG_LOAD'>;

/** Bytes of a license that count. */
const MAX_LICENSE = 127;
const KNOWN_FLAGS =
  BPF_F_STRICT_ALIGNMENT |
  BPF_F_ANY_ALIGNMENT |
  BPF_F_TEST_RND_HI32 |
  BPF_F_TEST_STATE_FREQ |
  BPF_F_SLEEPABLE |
  BPF_F_XDP_HAS_FRAGS |
  BPF_F_XDP_DEV_BOUND_ONLY |
  BPF_F_TEST_REG_INVARIANTS;

/** BPF_PROG_LOAD: the new fd, or -errno; what is wrong with the program is in `log_buf`. */
export function progLoad(process: Process, attr: Attr): number {
  const { insn_cnt: count = 0, prog_flags: flags = 0, insns = new Uint8Array(0), prog_name: name = '' } = attr;
  if (flags & ~KNOWN_FLAGS) return -errno.EINVAL;
  if (count === 0 || count > BPF_COMPLEXITY_LIMIT_INSNS) return -errno.E2BIG;
  const type = PROG_TYPE_BY_NUMBER.get(attr.prog_type ?? 0);
  if (type === undefined) return unknownType(process, attr.prog_type ?? 0);
  const expectedAttachType = attachTypeOf(type, attr.expected_attach_type ?? 0);
  if (expectedAttachType < 0) return expectedAttachType;
  const aim = aimOf(process, attr.attach_prog_fd ?? 0);
  if (typeof aim === 'number') return aim;
  if (aim !== undefined && type.name === 'tracing')
    return process.fail(errno.ENOTSUPP, 'the embedded kernel has no programs that look at functions of programs yet');
  if (attr.prog_ifindex || (aim !== undefined && type.name !== 'ext')) return -errno.EINVAL;
  if (attr.attach_btf_id && !OF_A_FUNCTION.has(type.name)) return -errno.EINVAL;
  if (insns.length < count * INSN_SIZE || attr.license === undefined) return -errno.EFAULT;
  if (!isObjectName(name)) return -errno.EINVAL;

  const log: LogRequest = { level: attr.log_level ?? 0, size: attr.log_size ?? 0, buffer: attr.log_buf };
  const refused = checkLogRequest(log);
  if (refused < 0) return refused;
  if (log.buffer !== undefined && log.buffer.length < log.size) return -errno.EFAULT;

  // A copy: the caller's buffer may change under us.
  const given = insns.slice(0, count * INSN_SIZE);
  const license = attr.license.slice(0, MAX_LICENSE);
  const user = { type, attachType: expectedAttachType, gpl: isGplCompatible(license), flags, aim };
  const checked = check(process, attr, user, given, log);
  const trueSize = writeLog(log, checked.log, checked.logSize);
  if (trueSize > 0) attr.log_true_size = trueSize;
  if (log.buffer !== undefined && trueSize > log.size) return -errno.ENOSPC;
  if (checked.accepted === undefined) return -checked.errno;

  const { resolved, btf, funcInfo, verdict } = checked.accepted;
  const { insns: xlated, ...info } = xlatedOf(checked.accepted);
  const owner = { type: attr.prog_type ?? 0, expectedAttachType, maps: resolved.maps };
  const caller = { ...owner, type: aim?.attr.type ?? owner.type };
  if (!resolved.maps.every((map) => !(map instanceof ProgArray) || map.admits(caller))) return -errno.EINVAL;
  for (const map of resolved.maps) map.get();
  const prog = new BpfProg(process.machine, {
    ...owner,
    enforceAttachType: verdict?.enforceAttachType ?? false,
    attachBtfId: attr.attach_btf_id ?? 0,
    extended: aim && { type: aim.attr.type, expectedAttachType: aim.attr.expectedAttachType },
    functions: verdict?.functions ?? unverifiedFunctions(funcInfo),
    flags,
    name,
    license,
    tag: programTag(given),
    xlated: encodeInsns(xlated),
    runnable: runnableOf(checked.accepted),
    probed: verdict?.probed,
    inArena: arenaOf(resolved) && verdict?.inArena,
    bufferReach: verdict?.bufferReach,
    exceptionCallback: exceptionStart(btf, funcInfo),
    btf: btf?.get(),
    ...info,
    loadTime: process.machine.clock.now(),
    verifiedInsns: checked.verifiedInsns,
  });
  prog.aim = aim;
  // The fd has the program's first reference.
  return process.install(prog);
}

/** Types of programs that are made for one function. */
const OF_A_FUNCTION: ReadonlySet<ProgTypeName> = new Set(['tracing', 'lsm', 'ext', 'struct_ops']);

/** The program as users see it: what no path comes to is not there any more. */
function xlatedOf({ resolved, funcInfo, lineInfo, verdict }: Accepted): Translated {
  const insns = resolved.xlated;
  if (verdict === undefined) return { insns, funcInfo, lineInfo };
  const arena = arenaOf(resolved);
  return translate(arena ? shownWithArena(insns, verdict, arena) : insns, verdict, funcInfo, lineInfo);
}

function runnableOf({ resolved, verdict }: Accepted): Uint8Array {
  const { runnable } = resolved;
  if (verdict === undefined) return runnable;
  const arena = arenaOf(resolved);
  return withoutDead(arena ? runnableWithArena(runnable, verdict, arena) : runnable, verdict);
}

function arenaOf({ maps }: Resolved): ArenaMap | undefined {
  return maps.find((map) => map instanceof ArenaMap);
}

function exceptionStart(btf: BtfObject | undefined, funcInfo: Records | undefined): number | undefined {
  const start = exceptionCallback(btf?.btf, funcInfo && functions(funcInfo));
  return typeof start === 'number' ? start : undefined;
}

/** As with maps: ENOTSUPP for a type that Linux has, EINVAL for one that nobody has. */
function unknownType(process: Process, number: number): number {
  const name = PROG_TYPES[number];
  if (name === undefined || name === 'unspec') return -errno.EINVAL;
  return process.fail(
    errno.ENOTSUPP,
    `the embedded kernel has no programs of type ${name} yet; use the linux kernel for it`,
  );
}

/** BPF_* of enum bpf_attach_type that the program is for, or -EINVAL. */
function attachTypeOf(type: ProgType, given: number): number {
  if (given === 0 && type.defaultAttachType !== undefined) return attachTypeNumber[type.defaultAttachType];
  const { attachTypes } = type;
  if (attachTypes === undefined || (attachTypes.length === 0 && given === 0)) return given;
  return attachTypes.some((name) => attachTypeNumber[name] === given) ? given : -errno.EINVAL;
}

function checkSleep({ sleepable }: ProgType, flags: number): Rejection | undefined {
  if ((flags & BPF_F_SLEEPABLE) === 0)
    return sleepable === 'always' ? reject('Syscall programs can only be sleepable') : undefined;
  return sleepable === undefined
    ? reject('Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable')
    : undefined;
}

function isObjectName(name: string): boolean {
  return name.length < BPF_OBJ_NAME_LEN && /^[A-Za-z0-9_.]*$/.test(name);
}

interface Aimed {
  /** The program whose function it is to take the place of. */
  readonly aim: BpfProg | undefined;
}

interface Accepted {
  readonly resolved: Resolved;
  readonly btf: BtfObject | undefined;
  readonly funcInfo: Records | undefined;
  readonly lineInfo: Records | undefined;
  /** `undefined`: nothing was followed. */
  readonly verdict?: Verdict;
}

interface Checked {
  /** 0, or a positive errno. */
  readonly errno: number;
  readonly log: string;
  readonly verifiedInsns: number;
  /** Bytes that it took when it was longest. */
  readonly logSize?: number;
  readonly accepted: Accepted | undefined;
}

/** The program is one, what it refers to is there, and it is safe. `bytes`: its instructions, in which what the kernel has to fill in is filled in. */
function check(process: Process, attr: Attr, user: ProgUser & Aimed, bytes: Uint8Array, log: LogRequest): Checked {
  const types = readTypes(process, attr, bytes);
  if ('errno' in types) return refused(types);
  const insns = decodeInsns(bytes);
  const found = readMaps(process, attr, bytes, insns);
  const references = 'errno' in found ? found : undefined;
  const resolved = 'errno' in found ? NOTHING : found;
  const attachBtfId = attr.attach_btf_id ?? 0;
  const target = checkSleep(user.type, attr.prog_flags ?? 0) ?? checkTarget(process.machine, user, attachBtfId);
  const isExtension = user.type.name === 'ext';
  const extension = isExtension ? { target: user.aim && extensionTarget(user.aim), typeId: attachBtfId } : undefined;
  const parts = { ...types, resolved };
  if (!process.machine.verifies) {
    const problem = programProblem(insns);
    const wrong = problem === undefined ? (references ?? target ?? unfit(types, extension)) : reject(problem.problem);
    return wrong === undefined
      ? { errno: 0, log: `${NOT_FOLLOWED}\n`, verifiedInsns: 0, accepted: parts }
      : refused(wrong);
  }
  const program = programToVerify(process.machine, user, insns, {
    ...parts,
    attachBtfId: target === undefined && !isExtension ? attachBtfId : 0,
    extension,
    broken: { references, target },
  });
  const verdict = verify(program, log.level, log.size);
  const accepted = verdict.errno === 0 ? { ...parts, verdict } : undefined;
  return {
    errno: verdict.errno,
    log: verdict.log,
    logSize: verdict.logSize,
    verifiedInsns: verdict.insnsProcessed,
    accepted,
  };
}

/** Of a program that refers to what is not there. */
const NOTHING: Resolved = { xlated: [], runnable: new Uint8Array(0), maps: [], uses: new Map() };

/** Refused before any instruction was followed. */
function refused({ errno: number, message }: Rejection): Checked {
  const words = message === '' ? '' : `${message}\n`;
  return { errno: number, log: `${words}${NOT_FOLLOWED}\n`, verifiedInsns: 0, accepted: undefined };
}

const NOT_FOLLOWED = figuresText({ insnsProcessed: 0, maxStatesPerInsn: 0, totalStates: 0, peakStates: 0 });

interface Types {
  readonly btf: BtfObject | undefined;
  readonly funcInfo: Records | undefined;
  readonly lineInfo: Records | undefined;
}

/** The program's types, and what refers to them; relocations are applied to `insns`. Without records of functions or lines, nothing of it counts. */
function readTypes(process: Process, attr: Attr, insns: Uint8Array): Types | Rejection {
  if (!attr.func_info_cnt && !attr.line_info_cnt) return { btf: undefined, funcInfo: undefined, lineInfo: undefined };
  const btf = process.btf(attr.prog_btf_fd ?? 0);
  if (typeof btf === 'number') return { errno: -btf, message: '' };
  if (btf.name !== '') return reject('', 'EACCES');
  const funcInfo = readRecords('func_info', {
    recordSize: attr.func_info_rec_size ?? 0,
    count: attr.func_info_cnt ?? 0,
    bytes: attr.func_info,
  });
  if (funcInfo !== undefined && 'errno' in funcInfo) return funcInfo;
  const lineInfo = readRecords('line_info', {
    recordSize: attr.line_info_rec_size ?? 0,
    count: attr.line_info_cnt ?? 0,
    bytes: attr.line_info,
  });
  if (lineInfo !== undefined && 'errno' in lineInfo) return lineInfo;
  const relocations = readRecords('core_relos', {
    recordSize: attr.core_relo_rec_size ?? 0,
    count: attr.core_relo_cnt ?? 0,
    bytes: attr.core_relos,
  });
  if (relocations !== undefined && 'errno' in relocations) return relocations;
  const wrong = relocations && applyCoreRelocations(insns, relocations, btf.btf, process.machine.vmlinux.btf);
  return wrong ?? { btf, funcInfo, lineInfo };
}

function readMaps(process: Process, attr: Attr, bytes: Uint8Array, insns: readonly Insn[]): Resolved | Rejection {
  const boundCount = Math.min(attr.fd_array_cnt ?? 0, attr.fd_array?.length ?? 0);
  const resolved = resolveMaps(bytes, insns, process, attr.fd_array, attr.fd_array?.slice(0, boundCount) ?? []);
  if ('errno' in resolved) return resolved;
  const storages = cgroupStorages(resolved.maps).map(({ attr: { type } }) => type);
  if (new Set(storages).size < storages.length)
    return reject('only one cgroup storage of each type is allowed', 'EBUSY');
  return resolved;
}
