import { concatBytes } from '../bytes/plain.ts';
import { SysError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { O_RDONLY } from '../sys/kernel.ts';
import type { BpfCmd } from '../uapi/attr.ts';
import type { Fd } from '../uapi/fd.ts';

/** `undefined` instead of the error if `call` fails with one of `codes`: for misses that are expected. */
export function orUndefined<T>(codes: string | readonly string[], call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof SysError && [codes].flat().includes(error.code)) return undefined;
    throw error;
  }
}

/** Runs `call` and says, if the kernel refuses, what was being done. */
export function saying<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof SysError) {
      throw new SysError(error.errno, error.syscall, {
        what,
        ...(error.detail === undefined ? {} : { detail: error.detail }),
        cause: error,
      });
    }
    throw error;
  }
}

/** Makes the handle that takes over an fd; if that fails, nobody else would close it, unless it is not `owned`. */
export function adopt<T>(kernel: Kernel, fd: Fd, owned: boolean, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (owned) kernel.close(fd);
    throw error;
  }
}

/** Uses an fd and closes it. */
export function closing<T>(kernel: Kernel, fd: Fd, use: () => T): T {
  try {
    return use();
  } finally {
    kernel.close(fd);
  }
}

type NextIdCmd = Extract<BpfCmd, `BPF_${string}_GET_NEXT_ID`>;

/** All ids of one kind, growing. */
export function* ids(kernel: Kernel, cmd: NextIdCmd): Generator<number> {
  let id = 0;
  for (;;) {
    const attr = { start_id: id, next_id: 0 };
    if (orUndefined('ENOENT', () => [kernel.bpf(cmd, attr)]) === undefined) return;
    id = attr.next_id;
    yield id;
  }
}

/** A file of the kernel (procfs, sysfs), whole, but not more than `max` bytes. */
export function readBytes(kernel: Kernel, path: string, max: number): Uint8Array {
  const fd = kernel.open(path, O_RDONLY);
  try {
    const chunks: Uint8Array[] = [];
    for (let left = max; left > 0; ) {
      const chunk = new Uint8Array(Math.min(left, 1 << 16));
      const n = kernel.read(fd, chunk);
      if (n === 0) break;
      chunks.push(chunk.subarray(0, n));
      left -= n;
    }
    return concatBytes(chunks);
  } finally {
    kernel.close(fd);
  }
}

/** As {@link readBytes}, at most 1 MiB, as text. */
export function readText(kernel: Kernel, path: string): string {
  return new TextDecoder().decode(readBytes(kernel, path, 1 << 20));
}

/** A file of procfs that holds a whole number. `undefined` if it is not there, not ours to read, or holds something else. */
export function readNumber(kernel: Kernel, path: string): number | undefined {
  const text = orUndefined(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'], () => readText(kernel, path));
  return /^\s*-?\d{1,15}\s*$/.test(text ?? '') ? Number(text) : undefined;
}

/** What /proc says of an open fd: `map_type`, `memlock`, `frozen`, … Empty where procfs is not there. */
export function fdinfo(kernel: Kernel, fd: Fd): ReadonlyMap<string, string> {
  const text = orUndefined(['ENOENT', 'EACCES', 'EPERM'], () => readText(kernel, `/proc/self/fdinfo/${fd}`)) ?? '';
  return new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const colon = line.indexOf(':');
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()]];
    }),
  );
}

const possibleCpusOf = new WeakMap<Kernel, number>();

/** CPUs that a per-CPU map has a slot for: the last one of /sys/devices/system/cpu/possible, plus one. */
export function possibleCpus(kernel: Kernel): number {
  let cpus = possibleCpusOf.get(kernel);
  if (cpus === undefined) {
    const last = /(\d+)\s*$/.exec(readText(kernel, '/sys/devices/system/cpu/possible'))?.[1];
    cpus = Number(last ?? 0) + 1;
    possibleCpusOf.set(kernel, cpus);
  }
  return cpus;
}

/** The CPUs of /sys/devices/system/cpu/online, e.g. `0-3,6`. */
export function onlineCpus(kernel: Kernel): number[] {
  const text = readText(kernel, '/sys/devices/system/cpu/online');
  return [...text.matchAll(/(\d+)(?:-(\d+))?/g)].flatMap(([, first, last = first]) =>
    Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i),
  );
}

/** A property of the record itself: `constructor` and the like, which every object has, may be the name of a map. */
export function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
