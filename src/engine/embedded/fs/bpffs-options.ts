import { BPF_COMMANDS } from '../../../uapi/attr.ts';
import { ATTACH_TYPES, MAP_TYPES, PROG_TYPES } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';

/** What mount(2) says of a bpffs. */
export interface BpffsOptions {
  readonly uid: number;
  readonly gid: number;
  /** Of the root: permission bits, with those for set-id and sticky. */
  readonly mode: number;
  /** What a token of this mount would permit, a mask for each of {@link DELEGATES}. */
  readonly delegate: Readonly<Record<Delegate, bigint>>;
}

/** Names by number; the same number may have further names, which are read and never shown. */
interface Names {
  readonly names: readonly string[];
  readonly also?: Readonly<Record<string, number>>;
}

const DEPRECATED = ['cgroup_storage', 'percpu_cgroup_storage'];
const COMMANDS = Object.entries(BPF_COMMANDS)
  .sort(([, a], [, b]) => a.cmd - b.cmd)
  .map(([name]) => name.slice('BPF_'.length).toLowerCase());

/** In the order in which /proc/mounts shows them. */
const DELEGATES = {
  delegate_cmds: { names: COMMANDS, also: { prog_run: COMMANDS.indexOf('prog_test_run') } },
  delegate_maps: {
    names: MAP_TYPES.map((name) => (DEPRECATED.includes(name) ? `${name}_deprecated` : name)),
    also: Object.fromEntries(DEPRECATED.map((name) => [name, MAP_TYPES.findIndex((type) => String(type) === name)])),
  },
  delegate_progs: { names: PROG_TYPES },
  delegate_attachs: { names: ATTACH_TYPES },
} as const satisfies Record<string, Names>;
type Delegate = keyof typeof DELEGATES;

const MODE = 0o7777;
const DEFAULT_MODE = 0o777;
const STICKY = 0o1000;
const NO_ID = 0xffffffff;

/** The options of mount(2), `uid=1000,mode=0700`; what is not known is ignored. -EINVAL for a value that is none, -ERANGE for a mask of more than 64 bits. */
export function parseBpffsOptions(data: string): BpffsOptions | number {
  const found = { uid: 0, gid: 0, mode: DEFAULT_MODE };
  const delegate = { delegate_cmds: 0n, delegate_maps: 0n, delegate_progs: 0n, delegate_attachs: 0n };
  for (const option of data.split(',')) {
    const at = option.indexOf('=');
    const name = at < 0 ? option : option.slice(0, at);
    const value = at < 0 ? '' : option.slice(at + 1);
    if (name === 'uid' || name === 'gid') {
      const id = parseNumber(value);
      if (id === undefined || id >= NO_ID) return -errno.EINVAL;
      found[name] = Number(id);
    } else if (name === 'mode') {
      if (!/^[0-7]{1,11}$/.test(value) || Number.parseInt(value, 8) > NO_ID) return -errno.EINVAL;
      found.mode = Number.parseInt(value, 8) & MODE;
    } else if (isDelegate(name)) {
      const mask = parseMask(value, DELEGATES[name]);
      if (typeof mask === 'number') return mask;
      delegate[name] |= mask;
    }
  }
  return { ...found, delegate };
}

/** As /proc/mounts shows them: what is not the default. */
export function bpffsOptionsText({ uid, gid, mode, delegate }: BpffsOptions): string {
  const shown = mode & ~STICKY;
  return [
    ...(uid === 0 ? [] : [`uid=${uid}`]),
    ...(gid === 0 ? [] : [`gid=${gid}`]),
    ...(shown === DEFAULT_MODE ? [] : [`mode=${shown.toString(8)}`]),
    ...Object.entries(DELEGATES).flatMap(([name, names]) => {
      const mask = isDelegate(name) ? delegate[name] : 0n;
      return mask === 0n ? [] : [`${name}=${maskText(mask, names)}`];
    }),
  ].join(',');
}

function isDelegate(name: string): name is Delegate {
  return Object.hasOwn(DELEGATES, name);
}

/** All bits that mean something. */
function allOf({ names }: Names): bigint {
  return (1n << BigInt(names.length)) - 1n;
}

/** Names and numbers with `:` between them, or `any`. */
function parseMask(value: string, names: Names): bigint | number {
  let mask = 0n;
  for (const part of value.split(':')) {
    const word = part.toLowerCase();
    const number = names.names.indexOf(word);
    const bit = number >= 0 ? number : Object.hasOwn(names.also ?? {}, word) ? names.also?.[word] : undefined;
    const bits = part === 'any' ? allOf(names) : bit === undefined ? parseNumber(part) : 1n << BigInt(bit);
    if (bits === undefined) return -errno.EINVAL;
    if (bits >= 1n << 64n) return -errno.ERANGE;
    mask |= bits;
  }
  return mask & allOf(names);
}

function maskText(mask: bigint, names: Names): string {
  if (mask === allOf(names)) return 'any';
  return names.names.filter((_, number) => ((mask >> BigInt(number)) & 1n) === 1n).join(':');
}

/** As C reads integers: decimal, 0x…, 0… */
function parseNumber(text: string): bigint | undefined {
  if (text.length > 32) return undefined;
  if (/^0x[0-9a-f]+$/i.test(text) || /^(0|[1-9]\d*)$/.test(text)) return BigInt(text);
  return /^0[0-7]+$/.test(text) ? BigInt(`0o${text.slice(1)}`) : undefined;
}
