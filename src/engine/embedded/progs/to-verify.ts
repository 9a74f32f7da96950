import type { Btf } from '../../../btf/index.ts';
import type { Insn } from '../../../isa/index.ts';
import { MAP_TYPES } from '../../../uapi/bpf.ts';
import type { BtfObject } from '../btf-object.ts';
import { HELPER_BY_NAME } from '../helpers/table.ts';
import { KFUNC_INDEX } from '../kfuncs/table.ts';
import type { Machine } from '../machine.ts';
import type { BpfMap, MapAttr } from '../maps/map.ts';
import { withTypes } from '../verifier/fields.ts';
import { KFUNCS } from '../verifier/kfunc-table.ts';
import type { FuncInfo, LineInfo, MapToVerify, MapUse, ProgramToVerify } from '../verifier/program.ts';
import { FUNC_INFO_SIZE, LINE_INFO_SIZE, type Records } from './info-records.ts';
import type { ProgType } from './prog-type.ts';
import type { Resolved } from './resolve.ts';

/** Whose program it is. */
export interface ProgUser {
  readonly type: ProgType;
  /** BPF_* of enum bpf_attach_type. */
  readonly attachType: number;
  readonly gpl: boolean;
  /** BPF_F_*. */
  readonly flags: number;
}

export interface ProgramParts {
  readonly resolved: Resolved;
  readonly btf: BtfObject | undefined;
  readonly funcInfo: Records | undefined;
  readonly lineInfo: Records | undefined;
  /** A type of the kernel's BTF, or 0. */
  readonly attachBtfId: number;
}

/** The program as the verifier sees it. */
export function programToVerify(
  machine: Machine,
  { type, attachType, gpl, flags }: ProgUser,
  insns: readonly Insn[],
  { resolved, btf, funcInfo, lineInfo, attachBtfId }: ProgramParts,
): ProgramToVerify {
  const kernelBtf = machine.vmlinux.btf;
  const seen = new Map<BpfMap, MapToVerify>();
  const view = (map: BpfMap): MapToVerify => {
    const known = seen.get(map) ?? mapToVerify(machine, map);
    seen.set(map, known);
    return known;
  };
  const maps = new Map<number, MapUse>();
  for (const [slot, { map, offset }] of resolved.uses)
    maps.set(slot, offset === undefined ? { map: view(map) } : { map: view(map), offset });
  return {
    insns,
    type: type.name,
    attachType,
    flags,
    gpl,
    maps,
    usedMaps: resolved.maps.map(view),
    btf: btf?.btf,
    funcInfo: funcInfo && functions(funcInfo),
    lineInfo: btf && lineInfo && lines(lineInfo, btf.btf),
    kernelBtf,
    target: attachBtfId === 0 ? undefined : { btf: kernelBtf, typeId: attachBtfId },
    lacks: (helper) => !HELPER_BY_NAME.has(helper),
    lacksKfunc: (name) => KFUNCS.has(name) && !KFUNC_INDEX.has(name),
    cpus: machine.cpus,
  };
}

function mapToVerify(machine: Machine, map: BpfMap): MapToVerify {
  const { valueSize, btf } = map.attr;
  const direct = map.directValue(0);
  return {
    ...layoutOf(map.attr, btf?.btf, machine.vmlinux.btf),
    inner: map.inner && { ...layoutOf(map.inner.template, map.inner.btf, machine.vmlinux.btf), frozen: false },
    frozen: map.frozen && map.writableMappings === 0,
    ...(direct >= 0 && {
      read: (offset: number, size: number) =>
        offset >= 0 && offset + size <= valueSize
          ? machine.memory.u8.slice(direct + offset, direct + offset + size)
          : undefined,
    }),
  };
}

function layoutOf(
  { type, name, keySize, valueSize, maxEntries, flags, valueTypeId, fields }: MapAttr,
  btf: Btf | undefined,
  kernelBtf: Btf,
): Omit<MapToVerify, 'frozen' | 'read' | 'inner'> {
  return {
    type: MAP_TYPES[type] ?? 'unspec',
    typeNumber: type,
    name,
    keySize,
    valueSize,
    maxEntries,
    flags,
    fields: withTypes(fields ?? [], btf, kernelBtf),
    btf,
    valueTypeId,
  };
}

export function functions({ bytes, count }: Records): FuncInfo[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: count }, (_, i) => ({
    insnOff: view.getUint32(FUNC_INFO_SIZE * i, true),
    typeId: view.getUint32(FUNC_INFO_SIZE * i + 4, true),
  }));
}

/** Columns are 10 bits, lines the 22 above. */
function lines({ bytes, count }: Records, btf: Btf): LineInfo[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: count }, (_, i) => {
    const at = LINE_INFO_SIZE * i;
    const file = btf.string(view.getUint32(at + 4, true));
    return {
      insnOff: view.getUint32(at, true),
      file: file.slice(file.lastIndexOf('/') + 1),
      line: btf.string(view.getUint32(at + 8, true)),
      lineNumber: view.getUint32(at + 12, true) >>> 10,
    };
  });
}
