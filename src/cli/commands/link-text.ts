import type { LinkInfo, PerfTarget } from '../../loader/link-info.ts';
import { netfilterPlace } from './netfilter-text.ts';
import { perfEventName, perfEventType } from './perf-text.ts';

/** A link, with what is known by other calls. */
export interface LinkRow {
  readonly info: LinkInfo;
  /** Of tracing links. */
  readonly progType: string | number | undefined;
  /** The name of a device of this namespace. */
  device(ifindex: number): string | undefined;
  /** The function of the kernel at an address. */
  symbol(address: bigint): { readonly name: string; readonly module: string | undefined } | undefined;
}

/** As bpftool: a line `ID: TYPE  prog N  `, and lines with a tab before them. */
export function linkText(row: LinkRow): string {
  const { info } = row;
  const type = typeof info.type === 'number' ? `type ${info.type}` : info.type;
  const held = info.type === 'struct_ops' && 'mapId' in info ? `map ${info.mapId}` : `prog ${info.progId}`;
  return [`${info.id}: ${type}  ${held}  `, ...details(row)].join('');
}

/** What follows: a part that starts with a line break and a tab stands on a line of its own. */
function details({ info, progType, device, symbol }: LinkRow): string[] {
  switch (info.type) {
    case 'raw_tracepoint':
      return 'name' in info ? [`\n\ttp '${info.name}'  `, cookie(info.cookie)] : [];
    case 'tracing': {
      if (!('targetObjId' in info)) return [];
      const { targetObjId, targetBtfId } = info;
      const target =
        targetObjId === 0 && targetBtfId === 0
          ? ''
          : `\n\ttarget_obj_id ${targetObjId}  target_btf_id ${targetBtfId}  `;
      const extra = info.cookie === 0n ? '' : `\n\t${cookie(info.cookie)}`;
      return [`\n\tprog_type ${progType}  `, attach(info.attachType), target, extra];
    }
    case 'cgroup':
      return 'cgroupId' in info ? [`\n\tcgroup_id ${info.cgroupId}  `, attach(info.attachType)] : [];
    case 'iter': {
      if (!('target' in info)) return [];
      const { target, mapId, cgroup, tid, pid } = info;
      return [
        `target_name ${target}  `,
        mapId === undefined ? '' : `map_id ${mapId}  `,
        tid !== 0 ? `tid ${tid} ` : pid !== 0 ? `pid ${pid} ` : '',
        cgroup === undefined ? '' : `cgroup_id ${cgroup.id}  order ${cgroup.order}  `,
      ];
    }
    case 'netns':
      return 'netnsIno' in info ? [`\n\tnetns_ino ${info.netnsIno}  `, attach(info.attachType)] : [];
    case 'xdp':
      return 'ifindex' in info ? [`\n\tifindex ${deviceText(info.ifindex, device)}  `] : [];
    case 'tcx':
    case 'netkit':
      return 'attachType' in info && 'ifindex' in info
        ? [`\n\tifindex ${deviceText(info.ifindex, device)}  `, attach(info.attachType)]
        : [];
    case 'sockmap':
      return 'mapId' in info && 'attachType' in info ? [`\n\tmap_id ${info.mapId}  `, attach(info.attachType)] : [];
    case 'netfilter': {
      if (!('priority' in info)) return [];
      const flags = info.flags === 0 ? '' : ` flags 0x${info.flags.toString(16)}`;
      return [`\n\t${netfilterPlace(info.pf, info.hook)} prio ${info.priority}${flags}`];
    }
    case 'kprobe_multi':
      return 'functions' in info ? [kprobeMulti(info, symbol)] : [];
    case 'uprobe_multi':
      return 'places' in info ? [uprobeMulti(info)] : [];
    case 'perf_event':
      return 'event' in info ? [perfText(info.event)] : [];
    default:
      return [];
  }
}

function attach(type: string | number): string {
  return `attach_type ${type}  `;
}

function cookie(value: bigint): string {
  return value === 0n ? '' : `cookie ${value}  `;
}

function deviceText(ifindex: number, device: LinkRow['device']): string {
  if (ifindex === 0) return '(detached)';
  const name = device(ifindex);
  return name === undefined ? '(unknown)' : `${name}(${ifindex})`;
}

type Multi<K> = Extract<LinkInfo, { readonly type: K }>;

function kprobeMulti(info: Multi<'kprobe_multi'>, symbol: LinkRow['symbol']): string {
  const missed = info.missed === 0n ? '' : `missed ${info.missed}  `;
  const head = `\n\t${info.returns ? 'kretprobe' : 'kprobe'}.multi  func_cnt ${info.functions.length}  ${missed}`;
  const known = byAddress(info).flatMap(({ address, cookie: value }) => {
    const found = symbol(address);
    if (found === undefined) return [];
    const module = found.module === undefined ? '' : ` [${found.module}]`;
    return [`\n\t${hex16(address)} ${value.toString(16).padEnd(16)} ${found.name}${module}  `];
  });
  return [head, `\n\t${'addr'.padEnd(16)} ${'cookie'.padEnd(16)} func [module]`, ...known].join('');
}

function uprobeMulti(info: Multi<'uprobe_multi'>): string {
  const path = info.path === '' ? '' : `path ${info.path}  `;
  const pid = info.pid === 0 ? '' : `pid ${info.pid}  `;
  const head = `\n\t${info.returns ? 'uretprobe' : 'uprobe'}.multi  ${path}func_cnt ${info.places.length}  ${pid}`;
  const columns = ['offset', 'ref_ctr_offset', 'cookies'].map((name) => name.padEnd(16)).join('   ');
  const rows = info.places.map(
    ({ offset, refCtrOffset, cookie: value }) =>
      `\n\t${[offset, refCtrOffset, value].map((n) => `0x${n.toString(16).padEnd(16)}`).join(' ')}`,
  );
  return [head, `\n\t${columns}`, ...rows].join('');
}

function perfText(event: PerfTarget): string {
  switch (event.kind) {
    case 'kprobe':
    case 'kretprobe': {
      if (event.func === '' && event.address === 0n) return '';
      const at = event.address === 0n ? '' : `${event.address.toString(16)} `;
      const offset = event.offset === 0 ? '' : `+0x${event.offset.toString(16)}`;
      const missed = event.missed === 0n ? '' : `  missed ${event.missed}`;
      const value = event.cookie === 0n ? '' : `  cookie ${event.cookie}`;
      return `\n\t${event.kind} ${at}${event.func}${offset}${missed}${value}  `;
    }
    case 'uprobe':
    case 'uretprobe': {
      const counter = event.refCtrOffset === 0n ? '' : `ref_ctr_offset 0x${event.refCtrOffset.toString(16)}  `;
      const offset = event.offset === 0 ? '0' : `0x${event.offset.toString(16)}`;
      return `\n\t${event.kind} ${event.file}+${offset}  ${cookie(event.cookie)}${counter}`;
    }
    case 'tracepoint':
      return `\n\ttracepoint ${event.name}  ${cookie(event.cookie)}`;
    case 'event':
      return `\n\tevent ${perfEventType(event.type)}:${perfEventName(event.type, event.config)}  ${cookie(event.cookie)}`;
    case 'unspec':
      return '';
  }
}

export function linkJson({ info, progType, device, symbol }: LinkRow): object {
  const { id, type, progId } = info;
  const head = type === 'struct_ops' && 'mapId' in info ? { map_id: info.mapId } : { prog_id: progId };
  return { id, type, ...head, ...jsonDetails({ info, progType, device, symbol }) };
}

function jsonDetails({ info, progType, device, symbol }: LinkRow): object {
  const shown = (value: bigint) => (value === 0n ? undefined : value);
  const onDevice = (ifindex: number) => ({
    devname: ifindex === 0 ? '(detached)' : (device(ifindex) ?? '(unknown)'),
    ifindex,
  });
  if ('name' in info) return { tp_name: info.name, cookie: shown(info.cookie) };
  if ('targetObjId' in info) {
    const target = { target_obj_id: info.targetObjId, target_btf_id: info.targetBtfId };
    const any = info.targetObjId !== 0 || info.targetBtfId !== 0;
    return {
      prog_type: progType,
      attach_type: info.attachType,
      ...(any && target),
      cookie: shown(info.cookie),
    };
  }
  if ('cgroupId' in info) return { cgroup_id: info.cgroupId, attach_type: info.attachType };
  if ('target' in info) {
    return {
      target_name: info.target,
      map_id: info.mapId,
      tid: info.tid || undefined,
      pid: info.tid === 0 ? info.pid || undefined : undefined,
      cgroup_id: info.cgroup?.id,
      order: info.cgroup?.order,
    };
  }
  if ('netnsIno' in info) return { netns_ino: info.netnsIno, attach_type: info.attachType };
  if ('ifindex' in info) {
    return { ...onDevice(info.ifindex), attach_type: 'attachType' in info ? info.attachType : undefined };
  }
  if ('mapId' in info) return 'attachType' in info ? { map_id: info.mapId, attach_type: info.attachType } : {};
  if ('priority' in info) return { pf: info.pf, hook: info.hook, prio: info.priority, flags: info.flags };
  if ('functions' in info) {
    return {
      retprobe: info.returns,
      func_cnt: info.functions.length,
      missed: info.missed,
      funcs: byAddress(info).flatMap(({ address, cookie: value }) => {
        const found = symbol(address);
        return found === undefined
          ? []
          : [{ addr: address, func: found.name, module: found.module ?? null, cookie: value }];
      }),
    };
  }
  if ('places' in info) {
    return {
      retprobe: info.returns,
      path: info.path,
      func_cnt: info.places.length,
      pid: info.pid,
      funcs: info.places.map((place) => ({
        offset: place.offset,
        ref_ctr_offset: place.refCtrOffset,
        cookie: place.cookie,
      })),
    };
  }
  return 'event' in info ? perfJson(info.event) : {};
}

function perfJson(event: PerfTarget): object {
  switch (event.kind) {
    case 'kprobe':
    case 'kretprobe':
      return {
        retprobe: event.kind === 'kretprobe',
        addr: event.address,
        func: event.func,
        offset: event.offset,
        missed: event.missed,
        cookie: event.cookie,
      };
    case 'uprobe':
    case 'uretprobe':
      return {
        retprobe: event.kind === 'uretprobe',
        file: event.file,
        offset: event.offset,
        cookie: event.cookie,
        ref_ctr_offset: event.refCtrOffset,
      };
    case 'tracepoint':
      return { tracepoint: event.name, cookie: event.cookie };
    case 'event':
      return {
        event_type: perfEventType(event.type),
        event_config: perfEventName(event.type, event.config),
        cookie: event.cookie,
      };
    case 'unspec':
      return {};
  }
}

function byAddress({ functions }: Multi<'kprobe_multi'>): Multi<'kprobe_multi'>['functions'] {
  return functions.toSorted((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
}

function hex16(n: bigint): string {
  return n.toString(16).padStart(16, '0');
}
