import { errno } from '../../uapi/errno.ts';
import { checkSysctl } from './cgroups/sysctl.ts';
import { RELEASE } from './config.ts';
import type { Entries } from './fs/tree.ts';
import type { Process } from './process.ts';

/** A setting under /proc/sys: how many numbers it has, or that it is a text. Nothing here acts on them; programs at cgroup_sysctl see them. */
interface Sysctl {
  readonly value: string;
  readonly numbers: number;
  readonly writable: boolean;
}

// biome-ignore format: aligned table; the defaults of Linux 6.18
const SYSCTLS: Readonly<Record<string, Sysctl>> = {
  'kernel/hostname':                { value: '(none)',               numbers: 0, writable: true },
  'kernel/osrelease':              { value: RELEASE,                 numbers: 0, writable: false },
  'kernel/ostype':                  { value: 'Linux',                numbers: 0, writable: false },
  'kernel/pid_max':                 { value: '32768',                numbers: 1, writable: true },
  'kernel/randomize_va_space':      { value: '2',                    numbers: 1, writable: true },
  'net/core/somaxconn':             { value: '4096',                 numbers: 1, writable: true },
  'net/ipv4/ip_forward':            { value: '0',                    numbers: 1, writable: true },
  'net/ipv4/ip_default_ttl':        { value: '64',                   numbers: 1, writable: true },
  'net/ipv4/ip_local_port_range':   { value: '32768\t60999',         numbers: 2, writable: true },
  'net/ipv4/tcp_rmem':              { value: '4096\t131072\t6291456', numbers: 3, writable: true },
  'net/ipv4/tcp_syncookies':        { value: '1',                    numbers: 1, writable: true },
  'vm/swappiness':                  { value: '60',                   numbers: 1, writable: true },
};
/** Bytes of a text. */
const MAX_TEXT = 64;

/** The settings of a machine. */
export class Sysctls {
  readonly #values = new Map(Object.entries(SYSCTLS).map(([name, { value }]) => [name, value]));

  /** With its newline; `undefined` if there is none of this name. */
  text(name: string): string | undefined {
    const value = this.#values.get(name);
    return value === undefined ? undefined : `${value}\n`;
  }

  /** What /proc/sys shows of them. */
  entries(): Entries {
    return tree([...this.#values.keys()], '', (name) => this.text(name) ?? '');
  }

  /** As read(2) of the file, past the programs of the process's cgroup: its text or -errno. */
  read(process: Process, name: string): string | number {
    const text = this.text(name);
    if (text === undefined) return -errno.ENOENT;
    const current = new TextEncoder().encode(text);
    const { retval, position } = checkSysctl(process.machine, process.cgroup, name, current, 0, undefined);
    if (retval < 0) return retval;
    // A number has been read whole by whoever is not at its start.
    if (position > 0 && (SYSCTLS[name]?.numbers ?? 0) > 0) return '';
    return new TextDecoder().decode(current.subarray(position));
  }

  /** As write(2): 0 or -errno. */
  write(process: Process, name: string, text: string): number {
    const now = this.text(name);
    const row = SYSCTLS[name];
    if (now === undefined || row === undefined) return -errno.ENOENT;
    if (!row.writable) return -errno.EACCES;
    const bytes = new TextEncoder().encode(text);
    const current = new TextEncoder().encode(now);
    const { retval, value } = checkSysctl(process.machine, process.cgroup, name, current, 0, bytes);
    if (retval < 0) return retval;
    const given = new TextDecoder().decode(value).replace(/[\n\0].*$/s, '');
    if (row.numbers === 0) {
      this.#values.set(name, given.slice(0, MAX_TEXT));
      return 0;
    }
    const numbers = given.trim().split(/\s+/);
    if (numbers.length > row.numbers || !numbers.every((word) => /^-?\d{1,10}$/.test(word))) return -errno.EINVAL;
    const rest = now.trim().split(/\s+/).slice(numbers.length);
    this.#values.set(name, [...numbers.map((word) => String(Number(word))), ...rest].join('\t'));
    return 0;
  }
}

/** The directories and files of those names that start with `prefix`. */
function tree(names: readonly string[], prefix: string, text: (name: string) => string): Entries {
  const below = names.filter((name) => name.startsWith(prefix));
  const firsts = new Set(below.map((name) => name.slice(prefix.length).split('/')[0] ?? ''));
  return Object.fromEntries(
    [...firsts].map((first) => {
      const path = `${prefix}${first}`;
      if (names.includes(path)) return [first, { text: () => text(path), mode: 0o644 }];
      return [first, { entries: tree(names, `${path}/`, text) }];
    }),
  );
}
