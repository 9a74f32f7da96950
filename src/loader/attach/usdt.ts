import { type UsdtProbe, usdtProbe } from '../../elf/index.ts';
import { NotSupportedError, SysError, UsageError } from '../../errors.ts';
import { encodeInsns, parseAssembly } from '../../isa/index.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { attachTypeNumber, progTypeNumber } from '../../uapi/bpf.ts';
import { closing, orUndefined, readBytes } from '../calls.ts';
import { checkKernel } from '../handle.ts';
import { hasBpfCookie } from '../kconfig.ts';
import type { Attachment } from '../link.ts';
import type { BpfMap } from '../map.ts';
import type { BpfProgram } from '../program.ts';
import { addressesBytes } from './addresses.ts';
import { findBinary, inBinary } from './binary.ts';
import { attachUprobe, attachUprobeMulti } from './uprobe.ts';
import { type UsdtArgument, usdtArguments } from './usdt-args.ts';

export interface UsdtOptions {
  readonly provider: string;
  readonly name: string;
  /** The process; -1: every one that runs the file. Default -1. */
  readonly pid?: number | undefined;
  /** What bpf_usdt_cookie returns. Default 0. */
  readonly cookie?: bigint | undefined;
}

/** The maps of usdt.bpf.h, by which programs learn where the arguments of a probe are. */
export const USDT_SPECS = '__bpf_usdt_specs';
export const USDT_IPS = '__bpf_usdt_ip_to_spec_id';

/** Who has which entry of the two maps. One for each pair, as long as anything is attached by it. */
export class UsdtMaps {
  /** Array of struct __bpf_usdt_spec. */
  readonly specs: BpfMap;
  /** Hash from an address to an entry of `specs`, for kernels without cookies. */
  readonly ips: BpfMap;
  readonly #free: number[] = [];
  #next = 0;

  constructor(specs: BpfMap, ips: BpfMap) {
    this.specs = specs;
    this.ips = ips;
  }

  /** An entry that nobody has. */
  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const { maxEntries } = this.specs.info;
    if (this.#next < maxEntries) return this.#next++;
    throw new UsageError(
      `map ${USDT_SPECS} has only ${maxEntries} entries, all taken; compile with a larger BPF_USDT_MAX_SPEC_CNT`,
    );
  }

  release(ids: readonly number[]): void {
    this.#free.push(...ids);
  }
}

/**
 * Attaches a program of a section `usdt` to a probe that an executable or library was compiled with, at all of its places: one link (Linux >= 6.6), else one for each.
 * A path without `/` is looked for where programs and libraries are. A counter that the probe has is raised as long.
 *
 * Throws ObjectError if the file has no such probe, or one with arguments that cannot be read, NotSupportedError if the kernel has no uprobes, or has to be told the process
 * (Linux < 5.15, of libraries and executables that may be anywhere).
 */
export function attachUsdt(program: BpfProgram, maps: UsdtMaps, path: string, options: UsdtOptions): Attachment {
  const { provider, name, pid = -1, cookie = 0n } = options;
  const { kernel } = program;
  for (const map of [maps.specs, maps.ips]) checkKernel(kernel, map);
  const file = findBinary(kernel, path);
  const [probe, specs] = inBinary(kernel, file, (bytes) => {
    const found = usdtProbe(bytes, provider, name);
    return [found, found.places.map(({ args }) => usdtArguments(found.machine, args))] as const;
  });
  const attachment = new UsdtAttachment(program, maps, `on ${provider}:${name} of ${file}`);
  try {
    const ids = attachment.describe(probe, specs, cookie);
    const places = probe.places.map(({ offset, semaphore }, i) => ({
      offset,
      refCtrOffset: semaphore,
      cookie: BigInt(ids[i] ?? 0),
    }));
    if (hasUprobeMulti(kernel)) attachment.add(attachUprobeMulti(program, file, { places, pid: pid === -1 ? 0 : pid }));
    else {
      const cookies = hasBpfCookie(kernel);
      if (!cookies) attachment.findByAddress(addresses(kernel, file, probe, pid), ids);
      for (const place of places)
        attachment.add(attachUprobe(program, file, { ...place, pid, cookie: cookies ? place.cookie : undefined }));
    }
    return attachment;
  } catch (error) {
    attachment.close();
    throw error;
  }
}

/** A program at all places of a probe, and the entries of the maps that say what it finds there. */
class UsdtAttachment implements Attachment {
  readonly kernel: Kernel;
  readonly label: string;
  readonly #maps: UsdtMaps;
  readonly #parts: Attachment[] = [];
  #ids: number[] = [];
  #ips: Uint8Array[] = [];

  constructor(program: BpfProgram, maps: UsdtMaps, where: string) {
    this.kernel = program.kernel;
    this.label = `${program.label} ${where}`;
    this.#maps = maps;
  }

  /** Says in the map where the arguments are. The entry of each place; places with the same arguments share one. */
  describe({ places }: UsdtProbe, specs: readonly (readonly UsdtArgument[])[], cookie: bigint): number[] {
    const byText = new Map<string, number>();
    return places.map(({ args }, i) => {
      const known = byText.get(args);
      if (known !== undefined) return known;
      const id = this.#maps.take();
      this.#ids.push(id);
      byText.set(args, id);
      const { specs: map } = this.#maps;
      map.setBytes(map.encodeKey(id), specBytes(map, specs[i] ?? [], cookie));
      return id;
    });
  }

  /** Has the programs find the entries by where they are. */
  findByAddress(addresses: readonly bigint[], ids: readonly number[]): void {
    for (const [i, address] of addresses.entries()) {
      const key = addressesBytes([address]);
      this.#maps.ips.setBytes(key, this.#maps.ips.encodeValue(ids[i] ?? 0), 'noexist');
      this.#ips.push(key);
    }
  }

  add(part: Attachment): void {
    this.#parts.push(part);
  }

  pin(path: string): void {
    const [only, ...more] = this.#parts;
    if (only === undefined || more.length > 0)
      throw new NotSupportedError(`a pin of ${this.label}, which has ${this.#parts.length} links,`, { since: '6.6' });
    only.pin(path);
    // The pin goes on using them.
    this.#ids = [];
    this.#ips = [];
  }

  detach(): void {
    for (const part of this.#parts) part.detach();
    this.close();
  }

  close(): void {
    for (const part of this.#parts.splice(0)) part.close();
    // EBADF: the object was closed first.
    for (const key of this.#ips.splice(0)) orUndefined('EBADF', () => this.#maps.ips.deleteBytes(key));
    this.#maps.release(this.#ids.splice(0));
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The struct as the object's own header lays it out, which has changed. */
function specBytes(map: BpfMap, args: readonly UsdtArgument[], cookie: bigint): Uint8Array {
  try {
    return map.encodeValue({ args, arg_cnt: args.length, usdt_cookie: BigInt.asUintN(64, cookie) });
  } catch (cause) {
    if (!(cause instanceof UsageError) || !args.some((argument) => 'idx_reg_off' in argument)) throw cause;
    throw new NotSupportedError('an argument at a register and a multiple of another one', {
      instead: 'compile the object with the usdt.bpf.h of libbpf 1.7 or later',
      cause,
    });
  }
}

const multis = new WeakMap<Kernel, boolean>();

/**
 * Whether USDT programs are for a link of many uprobes, and loaded so. Not before Linux 6.10 as a rule, whose links take one thread for a process: that a process is
 * asked for is known too late.
 */
export function hasUprobeMulti(kernel: Kernel): boolean {
  const known = multis.get(kernel);
  if (known !== undefined) return known;
  const has = askUprobeMulti(kernel);
  multis.set(kernel, has);
  return has;
}

function askUprobeMulti(kernel: Kernel): boolean {
  const attach_type = attachTypeNumber.trace_uprobe_multi;
  const prog = orUndefined(['EINVAL', 'EPERM', 'ENOTSUPP', 'EACCES'], () =>
    kernel.bpf('BPF_PROG_LOAD', {
      prog_type: progTypeNumber.kprobe,
      insns: encodeInsns(parseAssembly('r0 = 0\nexit')),
      insn_cnt: 2,
      license: 'GPL',
      expected_attach_type: attach_type,
    }),
  );
  if (prog === undefined) return false;
  return closing(kernel, prog, () => {
    // `/` is no file that can be probed, which a kernel finds after it has looked at the process, if it looks at it.
    const answer = (pid: number): string => {
      try {
        const attr = {
          prog_fd: prog,
          attach_type,
          'uprobe_multi.path': '/',
          'uprobe_multi.offsets': addressesBytes([0n]),
          'uprobe_multi.cnt': 1,
          'uprobe_multi.pid': pid,
        };
        kernel.close(kernel.bpf('BPF_LINK_CREATE', attr));
        return '';
      } catch (error) {
        if (error instanceof SysError) return error.code;
        throw error;
      }
    };
    return answer(0) === 'EBADF' && answer(-1) === 'EINVAL';
  });
}

/** Bytes of the list of what a process has mapped. */
const MAX_MAPS = 1 << 24;

/** Where the places of a probe are in memory. */
function addresses(kernel: Kernel, file: string, { fixed, places }: UsdtProbe, pid: number): bigint[] {
  if (fixed) return places.map(({ address }) => BigInt(address));
  if (pid <= 0)
    throw new NotSupportedError(`a USDT probe of ${file}, which may be mapped anywhere, in every process`, {
      since: '5.15',
      instead: 'give the process (option pid)',
    });
  const { dev, ino } = kernel.stat(file);
  const text = new TextDecoder().decode(readBytes(kernel, `/proc/${pid}/maps`, MAX_MAPS));
  // 7f5c6f5d8000-7f5c6f5d9000 r-xp 00000000 08:01 362990598  /usr/lib/libhello.so
  const mapped = [...text.matchAll(/^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ [1-9]/gm)].flatMap(
    ([, start = '', end = '', from = '']) => {
      // What is mapped is told by the file itself: its path may be another one in its container.
      const stat = orUndefined(['ENOENT', 'EPERM'], () => kernel.stat(`/proc/${pid}/map_files/${start}-${end}`));
      if (stat?.dev !== dev || stat.ino !== ino) return [];
      const [first, offset] = [BigInt(`0x${start}`), BigInt(`0x${from}`)];
      return [{ first, offset, size: BigInt(`0x${end}`) - first }];
    },
  );
  return places.map(({ offset }) => {
    const at = BigInt(offset);
    const part = mapped.find((one) => one.offset <= at && at < one.offset + one.size);
    if (part !== undefined) return at - part.offset + part.first;
    throw new UsageError(`process ${pid} has not mapped ${file}`);
  });
}
