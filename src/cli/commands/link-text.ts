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
  const held = info.type === 'struct_ops' ? `map ${info.mapId}` : `prog ${info.progId}`;
  return `${info.id}: ${type}  ${held}  ${details(row)}`;
}

/** What follows: a part that starts with a line break and a tab stands on a line of its own. */
function details({ info, progType, device, symbol }: LinkRow): string {
  switch (info.type) {
    case 'raw_tracepoint':
      return `\n\ttp '${info.name}'  ${cookie(info.cookie)}`;
    case 'tracing': {
      const target = hasTarget(info)
        ? `\n\ttarget_obj_id ${info.targetObjId}  target_btf_id ${info.targetBtfId}  `
        : '';
      const extra = info.cookie === 0n ? '' : `\n\t${cookie(info.cookie)}`;
      return `\n\tprog_type ${progType}  ${attach(info.attachType)}${target}${extra}`;
    }
    case 'cgroup':
      return `\n\tcgroup_id ${info.cgroupId}  ${attach(info.attachType)}`;
    case 'iter':
      return iterText(info);
    case 'netns':
      return `\n\tnetns_ino ${info.netnsIno}  ${attach(info.attachType)}`;
    case 'xdp':
      return `\n\tifindex ${deviceText(info.ifindex, device)}  `;
    case 'tcx':
    case 'netkit':
      return `\n\tifindex ${deviceText(info.ifindex, device)}  ${attach(info.attachType)}`;
    case 'sockmap':
      return `\n\tmap_id ${info.mapId}  ${attach(info.attachType)}`;
    case 'netfilter': {
      const flags = info.flags === 0 ? '' : ` flags 0x${info.flags.toString(16)}`;
      return `\n\t${netfilterPlace(info.pf, info.hook)} prio ${info.priority}${flags}`;
    }
    case 'kprobe_multi':
      return kprobeMulti(info, symbol);
    case 'uprobe_multi':
      return uprobeMulti(info);
    case 'perf_event':
      return perfText(info.event);
    default:
      return '';
  }
}

type Of<K> = Extract<LinkInfo, { readonly type: K }>;

function hasTarget({ targetObjId, targetBtfId }: Of<'tracing'>): boolean {
  return targetObjId !== 0 || targetBtfId !== 0;
}

function iterText({ target, mapId, cgroup, tid, pid }: Of<'iter'>): string {
  const map = mapId === undefined ? '' : `map_id ${mapId}  `;
  const task = tid !== 0 ? `tid ${tid} ` : pid !== 0 ? `pid ${pid} ` : '';
  const group = cgroup === undefined ? '' : `cgroup_id ${cgroup.id}  order ${cgroup.order}  `;
  return `target_name ${target}  ${map}${task}${group}`;
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

function kprobeMulti(info: Of<'kprobe_multi'>, symbol: LinkRow['symbol']): string {
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

function uprobeMulti(info: Of<'uprobe_multi'>): string {
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

export function linkJson(row: LinkRow): object {
  const { info } = row;
  const held = info.type === 'struct_ops' ? { map_id: info.mapId } : { prog_id: info.progId };
  return { id: info.id, type: info.type, ...held, ...jsonDetails(row) };
}

function jsonDetails({ info, progType, device, symbol }: LinkRow): object {
  const onDevice = (ifindex: number) => ({
    devname: ifindex === 0 ? '(detached)' : (device(ifindex) ?? '(unknown)'),
    ifindex,
  });
  switch (info.type) {
    case 'raw_tracepoint':
      return { tp_name: info.name, cookie: info.cookie || undefined };
    case 'tracing':
      return {
        prog_type: progType,
        attach_type: info.attachType,
        ...(hasTarget(info) && { target_obj_id: info.targetObjId, target_btf_id: info.targetBtfId }),
        cookie: info.cookie || undefined,
      };
    case 'cgroup':
      return { cgroup_id: info.cgroupId, attach_type: info.attachType };
    case 'iter':
      return {
        target_name: info.target,
        map_id: info.mapId,
        tid: info.tid || undefined,
        pid: info.tid === 0 ? info.pid || undefined : undefined,
        cgroup_id: info.cgroup?.id,
        order: info.cgroup?.order,
      };
    case 'netns':
      return { netns_ino: info.netnsIno, attach_type: info.attachType };
    case 'xdp':
      return onDevice(info.ifindex);
    case 'tcx':
    case 'netkit':
      return { ...onDevice(info.ifindex), attach_type: info.attachType };
    case 'sockmap':
      return { map_id: info.mapId, attach_type: info.attachType };
    case 'netfilter':
      return { pf: info.pf, hook: info.hook, prio: info.priority, flags: info.flags };
    case 'kprobe_multi':
      return {
        retprobe: info.returns,
        func_cnt: info.functions.length,
        missed: info.missed,
        funcs: byAddress(info).flatMap(({ address, cookie: value }) => {
          const found = symbol(address);
          const row = found && { addr: address, func: found.name, module: found.module ?? null, cookie: value };
          return row === undefined ? [] : [row];
        }),
      };
    case 'uprobe_multi':
      return {
        retprobe: info.returns,
        path: info.path,
        func_cnt: info.places.length,
        pid: info.pid,
        funcs: info.places.map(({ offset, refCtrOffset, cookie: value }) => ({
          offset,
          ref_ctr_offset: refCtrOffset,
          cookie: value,
        })),
      };
    case 'perf_event':
      return perfJson(info.event);
    default:
      return {};
  }
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

function byAddress({ functions }: Of<'kprobe_multi'>): Of<'kprobe_multi'>['functions'] {
  return functions.toSorted((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
}

function hex16(n: bigint): string {
  return n.toString(16).padStart(16, '0');
}
