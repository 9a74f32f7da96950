import type { Struct, StructFields, StructValue } from '../../src/bytes/struct.ts';
import { SysError } from '../../src/errors.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { mapTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfMapInfo, bpfProgInfo } from '../../src/uapi/info.ts';
import { mapBtf } from './btf.ts';

/** One row's view of a kernel: short words for the calls, and fds that are closed when the row is over. */
export class Session implements Disposable {
  readonly kernel: Kernel;
  readonly #opened = new Set<Fd>();

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  create(attr: BpfAttr<'BPF_MAP_CREATE'>): Fd {
    return this.own(this.kernel.bpf('BPF_MAP_CREATE', attr));
  }
  /** Keys of 4 bytes, values of 8, four entries, unless said otherwise. */
  map(type: keyof typeof mapTypeNumber, attr: BpfAttr<'BPF_MAP_CREATE'> = {}): Fd {
    const value_size = type === 'prog_array' ? 4 : 8;
    return this.create({ map_type: mapTypeNumber[type], key_size: 4, value_size, max_entries: 4, ...attr });
  }
  own(fd: Fd): Fd {
    this.#opened.add(fd);
    return fd;
  }
  close(fd: Fd): void {
    this.#opened.delete(fd);
    this.kernel.close(fd);
  }

  update(map_fd: Fd, key: number, value: number | Uint8Array, flags = 0n): void {
    this.kernel.bpf('BPF_MAP_UPDATE_ELEM', {
      map_fd,
      key: u32(key),
      value: typeof value === 'number' ? u64(value) : value,
      flags,
    });
  }
  /** The value's first 4 bytes. */
  lookup(map_fd: Fd, key: number, flags = 0n, size = 8): number {
    const value = new Uint8Array(size);
    this.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key: u32(key), value, flags });
    return number(value);
  }
  take(map_fd: Fd, key: number, flags = 0n): number {
    const value = new Uint8Array(8);
    this.kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd, key: u32(key), value, flags });
    return number(value);
  }
  delete(map_fd: Fd, key: number): void {
    this.kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd, key: u32(key) });
  }
  next(map_fd: Fd, key?: number): number {
    const next_key = new Uint8Array(4);
    this.kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd, key: key === undefined ? undefined : u32(key), next_key });
    return number(next_key);
  }
  freeze(map_fd: Fd): void {
    this.kernel.bpf('BPF_MAP_FREEZE', { map_fd });
  }
  /** A program of type sched_cls that returns 0. */
  prog(attr: BpfAttr<'BPF_PROG_LOAD'> = {}): Fd {
    const insns = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
    return this.own(this.kernel.bpf('BPF_PROG_LOAD', { prog_type: 3, insns, insn_cnt: 2, license: 'GPL', ...attr }));
  }
  /** One that has the address of a map in r1, and returns 0. */
  progUsing(map: Fd): Fd {
    const insns = Uint8Array.of(
      0x18,
      0x11,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0xb7,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0x95,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    );
    insns.set(u32(map), 4);
    return this.prog({ insns, insn_cnt: 4 });
  }
  info<F extends StructFields>(
    fd: Fd,
    layout: Struct<F>,
    given: Partial<StructValue<F>> = {},
    arrays = {},
  ): StructValue<F> {
    const info = layout.encode(given);
    this.kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: fd, info_len: info.length, info, arrays });
    return layout.decode(info);
  }
  mapId(fd: Fd): number {
    return this.info(fd, bpfMapInfo).id;
  }
  progId(fd: Fd): number {
    return this.info(fd, bpfProgInfo).id;
  }
  btf(): Fd {
    const btf = mapBtf();
    return this.own(this.kernel.bpf('BPF_BTF_LOAD', { btf, btf_size: btf.length }));
  }
  /** Whether there is still a map with this id. */
  mapLives(map_id: number): boolean {
    return outcome(() => this.close(this.own(this.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id })))) === 'ok';
  }
  /** Whether the map is gone, now or soon: Linux frees what programs held after a grace period. */
  mapGoes(map_id: number): boolean {
    return eventually(() => !this.mapLives(map_id));
  }
  progLives(prog_id: number): boolean {
    return outcome(() => this.close(this.own(this.kernel.bpf('BPF_PROG_GET_FD_BY_ID', { prog_id })))) === 'ok';
  }
  /** The text of a file. */
  text(path: string): string {
    const fd = this.own(this.kernel.open(path, 0));
    const buffer = new Uint8Array(65536);
    const text = new TextDecoder().decode(buffer.subarray(0, this.kernel.read(fd, buffer)));
    this.close(fd);
    return text;
  }
  pin(fd: Fd, pathname: string): void {
    this.kernel.bpf('BPF_OBJ_PIN', { pathname, bpf_fd: fd });
  }
  get(pathname: string, file_flags = 0): Fd {
    return this.own(this.kernel.bpf('BPF_OBJ_GET', { pathname, file_flags }));
  }

  [Symbol.dispose](): void {
    for (const fd of this.#opened) this.kernel.close(fd);
  }
}

export function u32(n: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(n).buffer);
}
export function u64(n: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(n)).buffer);
}
/** The first 4 bytes. */
export function number(bytes: Uint8Array, offset = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}

/** Whether it becomes true within ten seconds: Linux does some things a moment later. */
export function eventually(isTrue: () => boolean): boolean {
  const end = Date.now() + 10_000;
  while (!isTrue()) {
    if (Date.now() > end) return false;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
  return true;
}

/** CPUs that a per-CPU map has a value for. */
export function possibleCpus(session: Session): number {
  return Number(/(\d+)\s*$/.exec(session.text('/sys/devices/system/cpu/possible'))?.[1]) + 1;
}

/** What the call returns, or the errno's name if the kernel refuses. */
export function outcome(call: () => unknown): unknown {
  try {
    return call() ?? 'ok';
  } catch (error) {
    if (error instanceof SysError) return error.code;
    throw error;
  }
}

/** What the verifier says last, before its figures: some sentences do not end their line. */
export function lastWords(log: Uint8Array): string {
  const text = new TextDecoder().decode(log.subarray(0, log.indexOf(0)));
  const [before = ''] = text.split(/processed \d+ insns /);
  return before.trimEnd().split('\n').at(-1) ?? '';
}

/** The answer as soon as it is `want`, or what it is after two seconds. */
export function soon<T>(ask: () => T, want: T): T {
  const end = Date.now() + 2000;
  let answer = ask();
  while (answer !== want && Date.now() < end) answer = ask();
  return answer;
}
