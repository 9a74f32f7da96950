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
import { RECORDS, type Records } from './info-records.ts';
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
  readonly extension: ProgramToVerify['extension'];
  /** See {@link ProgramToVerify}. */
  readonly broken: NonNullable<ProgramToVerify['broken']>;
}

/** The program as the verifier sees it. */
export function programToVerify(
  machine: Machine,
  { type, attachType, gpl, flags }: ProgUser,
  insns: readonly Insn[],
  { resolved, btf, funcInfo, lineInfo, attachBtfId, extension, broken }: ProgramParts,
): ProgramToVerify {
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
    type: extension?.target?.type ?? type.name,
    attachType: extension?.target?.attachType ?? attachType,
    extension,
    flags,
    gpl,
    maps,
    usedMaps: resolved.maps.map(view),
    btf: btf?.btf,
    funcInfo: funcInfo && functions(funcInfo),
    lineInfo: lineInfo && lines(lineInfo),
    // Few programs ask for it.
    get kernelBtf() {
      return machine.vmlinux.btf;
    },
    target: attachBtfId === 0 ? undefined : { btf: machine.vmlinux.btf, typeId: attachBtfId },
    broken,
    lacks: (helper) => !HELPER_BY_NAME.has(helper),
    lacksKfunc: (name) => KFUNCS.has(name) && !KFUNC_INDEX.has(name),
    cpus: machine.cpus,
  };
}

function mapToVerify(machine: Machine, map: BpfMap): MapToVerify {
  const { valueSize, btf } = map.attr;
  const direct = map.directValue(0);
  return {
    ...layoutOf(machine, map.attr, btf?.btf),
    inner: map.inner && { ...layoutOf(machine, map.inner.template, map.inner.btf), frozen: false },
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
  machine: Machine,
  { type, name, keySize, valueSize, maxEntries, flags, valueTypeId, fields }: MapAttr,
  btf: Btf | undefined,
): Omit<MapToVerify, 'frozen' | 'read' | 'inner'> {
  return {
    type: MAP_TYPES[type] ?? 'unspec',
    typeNumber: type,
    name,
    keySize,
    valueSize,
    maxEntries,
    flags,
    fields: fields === undefined || fields.length === 0 ? [] : withTypes(fields, btf, machine.vmlinux.btf),
    btf,
    valueTypeId,
  };
}

export function functions(records: Records): FuncInfo[] {
  return words(records, RECORDS.func_info.size).map(([insnOff = 0, typeId = 0]) => ({ insnOff, typeId }));
}

/** Columns are 10 bits, lines the 22 above. */
function lines(records: Records): LineInfo[] {
  return words(records, RECORDS.line_info.size).map(([insnOff = 0, fileName = 0, line = 0, position = 0]) => ({
    insnOff,
    fileName,
    line,
    lineNumber: position >>> 10,
  }));
}

function words({ bytes, count }: Records, size: number): number[][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: size / 4 }, (_, word) => view.getUint32(size * i + 4 * word, true)),
  );
}
