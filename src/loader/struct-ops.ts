import { type Btf, type BtfComposite, type BtfMember, essentialName } from '../btf/index.ts';
import { NotSupportedError, ObjectError, UsageError } from '../errors.ts';
import { encodeInsns, parseAssembly } from '../isa/index.ts';
import type { MapSpec, ObjectSpec, ProgramSpec, StructOpsSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import { BPF_F_LINK, BPF_F_VTYPE_BTF_OBJ_FD, mapTypeNumber, progTypeNumber } from '../uapi/bpf.ts';
import type { Fd } from '../uapi/fd.ts';
import type { TargetAttr } from './attach-target.ts';
import { orUndefined, saying } from './calls.ts';
import { type MapFds, mapToken } from './create-map.ts';
import type { KernelType, KernelTypes } from './kernel-btf.ts';

/** A struct of functions as the kernel in use has it. */
export interface KernelStructOps {
  readonly map: MapSpec;
  /** `struct bpf_struct_ops_NAME`: the kernel's own fields, then the struct. */
  readonly valueType: KernelType;
  /** The value with what the object says, in the kernel's layout; the functions are still missing. */
  readonly value: Uint8Array;
  /** Which program goes where in `value`, as its fd in 8 bytes. */
  readonly functions: readonly KernelFunction[];
}

interface KernelFunction {
  readonly program: string;
  readonly offset: number;
  /** What a program that is put there is made for: the kernel's struct, and the number of the member. */
  readonly target: TargetAttr;
}

/** Whether a load makes no such map: the struct_ops of a section that starts with `?`. */
export function isLeftOut({ structOps }: MapSpec): boolean {
  return structOps?.autoload === false;
}

/**
 * Lays a struct_ops map out as the kernel has its struct. Members are found by name; the kernel's struct may lack those that are 0 here, or a function that
 * is not loaded then. Throws NotSupportedError if the kernel does not have the struct, or has it otherwise.
 */
export function kernelStructOps(
  spec: ObjectSpec,
  map: MapSpec,
  ops: StructOpsSpec,
  types: KernelTypes,
): KernelStructOps {
  const local = spec.btf?.resolve(ops.typeId);
  if (spec.btf === undefined || local?.kind !== 'struct' || map.initial === undefined)
    throw new ObjectError(`map ${map.name} has no struct`, { file: spec.file });
  const name = essentialName(local.name);
  const type = types.find('struct', name);
  const valueType = type && types.find('struct', `bpf_struct_ops_${name}`);
  const struct = type?.btf.type(type.id);
  const whole = valueType?.btf.type(valueType.id);
  const data = whole?.kind === 'struct' && whole.members.find((member) => member.typeId === type?.id);
  if (type === undefined || valueType === undefined || whole?.kind !== 'struct' || struct?.kind !== 'struct' || !data) {
    throw new NotSupportedError(`map ${map.name}: a struct_ops ${name}, which this kernel does not let programs fill,`);
  }
  const start = data.bitOffset / 8;
  const value = new Uint8Array(whole.size);
  const functions: KernelFunction[] = [];
  for (const member of local.members) {
    const field = new Field(map, spec.btf, member);
    const index = struct.members.findIndex((candidate) => candidate.name === member.name);
    const theirs = struct.members[index];
    const given = ops.functions.find(({ offset }) => offset === member.bitOffset / 8);
    if (theirs === undefined) {
      if (given === undefined) field.mustBeZero(map.initial);
      continue;
    }
    const offset = start + theirs.bitOffset / 8;
    field.mustFit(type.btf, struct, theirs);
    if (given === undefined) value.set(field.bytes(map.initial), offset);
    else {
      const target = { attach_btf_id: type.id, attach_prog_fd: type.fd, expected_attach_type: index };
      functions.push({ program: given.program, offset, target });
    }
  }
  return { map, valueType, value, functions };
}

/** A member of the object's struct. */
class Field {
  readonly #map: MapSpec;
  readonly #btf: Btf;
  readonly #member: BtfMember;

  constructor(map: MapSpec, btf: Btf, member: BtfMember) {
    this.#map = map;
    this.#btf = btf;
    this.#member = member;
    if (member.bitSize !== 0) throw new NotSupportedError(`map ${map.name}: bit-field ${member.name} in a struct_ops`);
  }

  bytes(initial: Uint8Array): Uint8Array {
    const at = this.#member.bitOffset / 8;
    return initial.subarray(at, at + this.#btf.size(this.#member.typeId));
  }

  mustBeZero(initial: Uint8Array): void {
    if (this.bytes(initial).every((byte) => byte === 0)) return;
    throw new NotSupportedError(
      `map ${this.#map.name}: member ${this.#member.name}, which this kernel's struct lacks,`,
    );
  }

  mustFit(btf: Btf, struct: BtfComposite, theirs: BtfMember): void {
    const [mine, other] = [this.#btf.resolve(this.#member.typeId), btf.resolve(theirs.typeId)];
    const same =
      theirs.bitSize === 0 &&
      mine.kind === other.kind &&
      this.#btf.size(this.#member.typeId) === btf.size(theirs.typeId);
    if (same) return;
    throw new NotSupportedError(
      `map ${this.#map.name}: member ${this.#member.name}, which is a ${mine.kind} here and a ${other.kind} of another size or kind in this kernel's struct ${struct.name},`,
    );
  }
}

/** BPF_MAP_CREATE. What it holds is written once its programs are loaded, see {@link structOpsValue}. */
export function createStructOps(kernel: Kernel, { map, valueType, value }: KernelStructOps, fds: MapFds): Fd {
  const module = valueType.fd === undefined ? 0 : BPF_F_VTYPE_BTF_OBJ_FD;
  const create = (flags: number) =>
    kernel.bpf('BPF_MAP_CREATE', {
      map_type: mapTypeNumber.struct_ops,
      key_size: map.keySize,
      value_size: value.length,
      max_entries: 1,
      map_flags: flags | module,
      map_name: map.kernelName,
      btf_fd: fds.btf,
      btf_vmlinux_value_type_id: valueType.id,
      value_type_btf_obj_fd: valueType.fd,
      ...mapToken(flags | module, fds.token),
    });
  return saying(`of ${map.name} (struct_ops)`, () => {
    readOwnTypes(kernel);
    const fd = orUndefined(map.flags === BPF_F_LINK ? 'EINVAL' : [], () => create(map.flags));
    if (fd !== undefined) return fd;
    kernel.close(create(0)); // says if it is something else
    throw new NotSupportedError(`map ${map.name} of a section .struct_ops.link`, {
      since: '6.4',
      instead: 'put it into a section .struct_ops',
    });
  });
}

/** Linux 5.10 learns of its own structs when the first program since its start is loaded. */
function readOwnTypes(kernel: Kernel): void {
  const insns = encodeInsns(parseAssembly('r0 = 0\nexit'));
  kernel.close(
    kernel.bpf('BPF_PROG_LOAD', { prog_type: progTypeNumber.socket_filter, insns, insn_cnt: 2, license: 'GPL' }),
  );
}

/** The value with the programs that were loaded in it. */
export function structOpsValue(
  { value, functions }: KernelStructOps,
  programFd: (name: string) => Fd | undefined,
): Uint8Array {
  const filled = new Uint8Array(value);
  for (const { program, offset } of functions) {
    new DataView(filled.buffer).setBigUint64(offset, BigInt(programFd(program) ?? 0), true);
  }
  return filled;
}

/** What a program of type struct_ops is made for. Throws UsageError if no struct of those that are loaded has a place for it. */
export function structOpsTarget(program: ProgramSpec, structs: readonly KernelStructOps[]): TargetAttr {
  const places = structs.flatMap(({ functions }) => functions.filter((place) => place.program === program.name));
  const [first] = places;
  if (first === undefined)
    throw new UsageError(`program ${program.name} is of type struct_ops, and no struct_ops map of its object has it`);
  const same = places.every(
    ({ target }) =>
      target.attach_btf_id === first.target.attach_btf_id &&
      target.expected_attach_type === first.target.expected_attach_type,
  );
  if (same) return first.target;
  throw new UsageError(
    `program ${program.name} stands in different places of struct_ops maps; it can be made for one only`,
  );
}
