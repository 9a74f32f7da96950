import { type BtfValue, decodeValue, parseBtf } from '../../btf/index.ts';
import { BpfError, UsageError } from '../../errors.ts';
import { structOpsName, unregisterStructOps } from '../../loader/attach/struct-ops.ts';
import { joinPath } from '../../loader/bpffs.ts';
import { closing, orUndefined } from '../../loader/calls.ts';
import { btfBytes, listMaps, type MapInfo, mainFunctionType, programInfo, withBtf } from '../../loader/info.ts';
import { kernelBtf } from '../../loader/kernel-btf.ts';
import { load } from '../../loader/load.ts';
import { openMap } from '../../loader/map.ts';
import { Transaction } from '../../loader/transaction.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { command } from '../command.ts';
import { formatJson } from '../json.ts';
import type { Words } from '../words.ts';
import { loadDefaults, readObject } from './object-words.ts';
import { styled } from './struct-ops-value.ts';

/** A struct of functions that a kernel holds. */
interface Shown {
  readonly id: number;
  readonly name: string;
  /** The kernel's struct, e.g. `tcp_congestion_ops`. */
  readonly struct: string;
}

const text = (list: readonly Shown[]) =>
  list.map(({ id, name, struct }) => `${id}: ${name.padEnd(15)} ${struct.padEnd(32)}`).join('\n');

export const structOpsShow = command<readonly Shown[]>({
  path: ['struct_ops', 'show'],
  usage: '[id N | name NAME]',
  about: 'shows the structs of functions that programs fill',
  run({ kernel }, words) {
    const found = words.done ? structOpsMaps(kernel) : selectStructOps(kernel, words);
    words.end();
    return found.map((info) => shown(kernel, info));
  },
  text,
  json: (list) => list.map(({ id, name, struct }) => ({ id, name, kernel_struct_ops: struct })),
});

interface Dumped {
  /** What bpftool prints of one: the kernel's `struct bpf_map_info`, and the struct of functions. */
  readonly plain: readonly BtfValue[];
  readonly json: readonly BtfValue[];
}

export const structOpsDump = command<readonly Dumped[]>({
  path: ['struct_ops', 'dump'],
  usage: '[id N | name NAME]',
  about: 'prints structs of functions, with the programs in them, by the types of the kernel',
  run({ kernel }, words) {
    const found = words.done ? structOpsMaps(kernel) : selectStructOps(kernel, words);
    words.end();
    return found.map((info) => dumped(kernel, info));
  },
  text: (list) =>
    formatJson(
      list.flatMap(({ plain }) => plain),
      true,
    ),
  json: (list) => list.flatMap(({ json }) => json),
});

export const structOpsRegister = command<readonly Shown[]>({
  path: ['struct_ops', 'register'],
  usage: 'OBJ [LINK_DIR]',
  about: 'loads an object and puts its structs of functions in force; links are pinned in LINK_DIR',
  run(context, words) {
    const { kernel } = context;
    const file = words.next('the object file');
    const directory = words.done ? undefined : words.next('the directory for the links');
    words.end();
    const object = readObject(context, file);
    const registered: Shown[] = [];
    using loaded = load(kernel, object, loadDefaults(context), (loading) => {
      Transaction.run((transaction) => {
        for (const [name, map] of Object.entries(loading.maps)) {
          if (map.info.type !== 'struct_ops') continue;
          const link = loading.registerStructOps(name);
          if (link !== undefined && directory !== undefined) {
            const path = joinPath(directory, name);
            link.pin(path);
            transaction.onRollback(() => kernel.unlink(path));
          }
          registered.push(shown(kernel, map.info));
        }
      });
    });
    for (const warning of loaded.warnings) context.note(`warning: ${warning}`);
    if (registered.length === 0) throw new UsageError(`${file} has no struct_ops map to register`);
    return registered;
  },
  text: (list) => list.map(({ id, name, struct }) => `Registered ${struct} ${name} id ${id}`).join('\n'),
  json: () => null,
});

export const structOpsUnregister = command<readonly Shown[]>({
  path: ['struct_ops', 'unregister'],
  usage: '{id N | name NAME}',
  about: 'takes structs of functions out of force; those with a link end with it',
  run({ kernel }, words) {
    const found = selectStructOps(kernel, words);
    words.end();
    return found.map((info) => {
      using map = openMap(kernel, { id: info.id });
      unregisterStructOps(map);
      return shown(kernel, info);
    });
  },
  text: (list) => list.map(({ id, name, struct }) => `Unregistered ${struct} ${name} id ${id}`).join('\n'),
  json: () => null,
});

function structOpsMaps(kernel: Kernel): MapInfo[] {
  return [...listMaps(kernel)].filter((map) => map.type === 'struct_ops');
}

function selectStructOps(kernel: Kernel, words: Words): MapInfo[] {
  const by = words.expect('id', 'name');
  const wanted = by === 'id' ? words.number('the id of the map') : words.next('the name of the map');
  const found = structOpsMaps(kernel).filter((map) => map[by] === wanted);
  if (found.length === 0) throw new BpfError('ENOENT', `there is no struct_ops with ${by} ${wanted}`);
  return found;
}

function shown(kernel: Kernel, info: MapInfo): Shown {
  return { id: info.id, name: info.name, struct: structOpsName(kernelBtf(kernel), info) };
}

function dumped(kernel: Kernel, { id, structTypeId }: MapInfo): Dumped {
  const btf = kernelBtf(kernel);
  using map = openMap(kernel, { id });
  const infoType = btf.find('struct', 'bpf_map_info') ?? 0;
  const info = new Uint8Array(btf.size(infoType));
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: map.fd, info_len: info.length, info });
  const value = map.getBytes(new Uint8Array(4)) ?? new Uint8Array(map.valueBytes);
  const name = btf.type(structTypeId).name;
  const parts = (plain: boolean): BtfValue[] => {
    const style = { btf, plain, programName: (program: number) => functionName(kernel, program) };
    return [
      { bpf_map_info: styled(style, infoType, decodeValue(btf, infoType, info)) },
      { [name]: styled(style, structTypeId, decodeValue(btf, structTypeId, value)) },
    ];
  };
  return { plain: parts(true), json: parts(false) };
}

/** What the program's function is called in its own types, which is not cut off. */
function functionName(kernel: Kernel, id: number): string {
  const UNKNOWN = '<unknown_prog_name>';
  const fd = orUndefined('ENOENT', () => kernel.bpf('BPF_PROG_GET_FD_BY_ID', { prog_id: id }));
  if (fd === undefined) return UNKNOWN;
  return closing(kernel, fd, () => {
    const typeId = mainFunctionType(kernel, fd);
    const { btfId } = programInfo(kernel, fd);
    if (typeId === undefined || btfId === undefined) return UNKNOWN;
    return withBtf(kernel, btfId, (btfFd) => parseBtf(btfBytes(kernel, btfFd)).type(typeId).name);
  });
}
