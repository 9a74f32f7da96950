import { BPF_F_LINK, BPF_F_VTYPE_BTF_OBJ_FD, mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { FilledOps } from '../struct-ops/kind.ts';
import { hasZeroHoles, type OpsMember } from '../struct-ops/layout.ts';
import { type KernelOps, opsOfType } from '../struct-ops/table.ts';
import { BpfMap, type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** enum bpf_struct_ops_state. */
const STATE = { init: 0, inuse: 1, tobefree: 2, ready: 3 } as const;
const KEY_SIZE = 4;
/** Of what Linux keeps of a map besides its value, of a value's head, and of a page of machine code. */
const OVERHEAD = 512 - 64 + 4096;
const WORD = 8;

/** BPF_MAP_TYPE_STRUCT_OPS: a struct of functions, which programs are. */
export const structOps: MapType = {
  name: 'struct_ops',
  type: mapTypeNumber.struct_ops,
  check: ({ keySize, maxEntries, flags, structTypeId }) =>
    keySize !== KEY_SIZE ||
    maxEntries !== 1 ||
    (flags & ~(BPF_F_LINK | BPF_F_VTYPE_BTF_OBJ_FD)) !== 0 ||
    structTypeId === undefined
      ? -errno.EINVAL
      : 0,
  checkKernelTypes(machine, { structTypeId = 0, valueSize }) {
    const ops = opsOfType(machine, structTypeId, 'valueTypeId');
    if (ops === undefined) return -errno.ENOTSUPP;
    return valueSize === ops.layout.valueSize ? 0 : -errno.EINVAL;
  },
  create(machine, attr) {
    const ops = opsOfType(machine, attr.structTypeId ?? 0, 'valueTypeId');
    if (ops === undefined) return -errno.ENOTSUPP;
    const address = machine.memory.alloc(MAP_HEADER_SIZE);
    return address === 0 ? -errno.ENOMEM : new StructOpsMap(machine, attr, address, ops);
  },
};

/** Its one value is outside of linear memory. */
export class StructOpsMap extends BpfMap implements FilledOps {
  readonly ops: KernelOps;
  #state: number = STATE.init;
  /** As user space sees it: with ids of programs. */
  #value: Uint8Array;
  readonly #functions = new Map<string, BpfProg>();

  constructor(machine: Machine, attr: MapAttr, address: number, ops: KernelOps) {
    super(machine, attr, address);
    this.ops = ops;
    this.#value = new Uint8Array(attr.valueSize);
  }

  get functions(): ReadonlyMap<string, BpfProg> {
    return this.#functions;
  }
  bytes(name: string): Uint8Array {
    const member = this.ops.layout.members.find((other) => other.name === name);
    return member === undefined ? new Uint8Array(0) : bytesOf(this.#data(this.#value), member);
  }
  /** It is filled, and a link may register it. */
  get isReady(): boolean {
    return this.#state === STATE.ready;
  }

  lookup(): number {
    return 0;
  }
  update(): number {
    return -errno.EINVAL;
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors): number {
    const { layout, kind } = this.ops;
    if (flags !== 0) return -errno.EINVAL;
    const { u8, dv } = this.machine.memory;
    if (dv.getUint32(key, true) !== 0) return -errno.E2BIG;
    const given = u8.slice(value, value + this.attr.valueSize);
    const head = { offset: 0, size: 2 * KEY_SIZE };
    const data = this.#data(given);
    if (!hasZeroHoles([head, { offset: layout.start, size: layout.size }], given)) return -errno.EINVAL;
    if (!hasZeroHoles(layout.members, data) || given.subarray(0, head.size).some((byte) => byte !== 0))
      return -errno.EINVAL;
    if (this.#state !== STATE.init) return -errno.EBUSY;
    const filled = this.#fill(given, from) || kind.validate(this);
    if (filled === 0 && (this.attr.flags & BPF_F_LINK) !== 0) {
      this.#state = STATE.ready;
      return 0;
    }
    const registered = filled || kind.register(this);
    if (registered === 0) {
      this.#state = STATE.inuse;
      this.get();
    } else this.#reset();
    return registered;
  }

  /** Takes the programs, and what else is in a value. 0 or -errno. */
  #fill(value: Uint8Array, from: Descriptors): number {
    const { kind, layout } = this.ops;
    this.#value = value;
    const data = this.#data(value);
    for (const [index, member] of layout.members.entries()) {
      const bytes = bytesOf(data, member);
      const isZero = bytes.every((byte) => byte === 0);
      if (member.holds === 'module') {
        if (!isZero) return -errno.EINVAL;
        continue;
      }
      const checked = kind.checkMember(member.name, bytes);
      if (checked !== undefined && checked < 0) return checked;
      if (checked !== undefined) continue;
      const result = member.holds === 'function' ? this.#take(member, index, bytes, from) : isZero ? 0 : -errno.EINVAL;
      if (result < 0) return result;
    }
    return 0;
  }

  #take(member: OpsMember, index: number, bytes: Uint8Array, from: Descriptors): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, WORD);
    const fd = view.getInt32(0, true);
    if (fd === 0) return 0;
    const prog = from.prog(fd);
    if (typeof prog === 'number') return prog;
    const { type, attachBtfId, expectedAttachType } = prog.attr;
    if (type !== progTypeNumber.struct_ops || attachBtfId !== this.ops.layout.typeId || expectedAttachType !== index)
      return -errno.EINVAL;
    this.#functions.set(member.name, prog.get());
    view.setBigUint64(0, BigInt(prog.id), true);
    return 0;
  }

  delete(): number {
    if ((this.attr.flags & BPF_F_LINK) !== 0) return -errno.EOPNOTSUPP;
    if (this.#state === STATE.tobefree) return -errno.EINPROGRESS;
    if (this.#state !== STATE.inuse) return -errno.ENOENT;
    this.#state = STATE.tobefree;
    this.ops.kind.unregister(this);
    this.put();
    return 0;
  }

  nextKey(key: number, next: number): number {
    const { dv } = this.machine.memory;
    if (key !== 0 && dv.getUint32(key, true) === 0) return -errno.ENOENT;
    dv.setUint32(next, 0, true);
    return 0;
  }

  copyOut(key: number, out: number): number {
    const { u8, dv } = this.machine.memory;
    if (dv.getUint32(key, true) !== 0) return -errno.ENOENT;
    if (this.#state === STATE.init) {
      u8.fill(0, out, out + this.attr.valueSize);
      return 0;
    }
    u8.set(this.#value, out);
    // Who uses it, besides fds and pins.
    dv.setUint32(out, Math.max(0, this.refs - this.users), true);
    dv.setUint32(out + KEY_SIZE, this.#state, true);
    return 0;
  }

  memoryUsage(): number {
    const { layout } = this.ops;
    const functions = layout.members.filter(({ holds }) => holds === 'function').length;
    return OVERHEAD + 2 * layout.valueSize + 2 * WORD * functions;
  }

  #data(value: Uint8Array): Uint8Array {
    const { start, size } = this.ops.layout;
    return value.subarray(start, start + size);
  }

  #reset(): void {
    for (const prog of this.#functions.values()) prog.put();
    this.#functions.clear();
    this.#value = new Uint8Array(this.attr.valueSize);
  }

  protected override freeMemory(): void {
    this.#reset();
  }
}

function bytesOf(data: Uint8Array, { offset, size }: OpsMember): Uint8Array {
  return data.subarray(offset, offset + size);
}
