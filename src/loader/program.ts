import { UsageError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { ProgType } from '../uapi/bpf.ts';
import type { Fd, ProgId } from '../uapi/fd.ts';
import { pinFd } from './bpffs.ts';
import { adopt, saying } from './calls.ts';
import { checkFd, checkPath, closedHandle } from './handle.ts';
import { type ProgramInfo, programInfo, xlatedInsns } from './info.ts';
import type { Attachment } from './link.ts';
import { expectKind } from './pinned.ts';

/** Ways to name a program that a kernel already has. */
export type ProgramSource = { readonly id: number } | { readonly pinned: string } | { readonly fd: number };

export interface RunOptions {
  /** The packet: 14 bytes at least for the networking types. */
  readonly data?: Uint8Array | undefined;
  /** The context struct, e.g. `__sk_buff`. */
  readonly ctx?: Uint8Array | undefined;
  /** How often; the duration is the average. Default 1. */
  readonly repeat?: number | undefined;
  /** Room for the packet as the program leaves it. Default 32 KiB. Bytes. */
  readonly dataSizeOut?: number | undefined;
  readonly ctxSizeOut?: number | undefined;
}

export interface RunResult {
  /** What the program returned, unsigned. */
  readonly retval: number;
  /** Average of one run, nanoseconds. */
  readonly durationNs: number;
  readonly data: Uint8Array;
  readonly ctx: Uint8Array;
}

/** Types whose context has one buffer, which a syscall program changes. */
const IN_PLACE: ReadonlySet<ProgType | number> = new Set(['raw_tracepoint', 'syscall']);

/** An open program. Holds an fd: close it with `using`, or {@link BpfProgram.close}. */
export class BpfProgram implements Disposable {
  readonly kernel: Kernel;
  readonly info: ProgramInfo;
  /** What was attached with this handle and is still held: a load that fails takes it back. */
  readonly attachments = new Set<Attachment>();
  readonly #fd: Fd;
  #open = true;

  /** Takes over `fd`. Prefer {@link openProgram}. */
  constructor(kernel: Kernel, fd: Fd) {
    this.kernel = kernel;
    this.#fd = fd;
    this.info = programInfo(kernel, fd);
  }

  /** Throws SysError EBADF if the handle is closed: the number may be another object's by now. */
  get fd(): Fd {
    if (!this.#open) throw closedHandle(this.label);
    return this.#fd;
  }

  get id(): ProgId {
    return this.info.id;
  }
  get name(): string {
    return this.info.name;
  }
  /** For messages: the name, or the id of a program that has none. */
  get label(): string {
    return `program ${this.info.name || this.info.id}`;
  }

  /** The kernel-rewritten instructions; empty where the kernel does not show them (kernel.kptr_restrict, missing capabilities). */
  xlated(): Uint8Array {
    return xlatedInsns(this.kernel, this.fd);
  }

  /** BPF_PROG_TEST_RUN: runs the program once or often on a packet that goes nowhere. ENOTSUPP for types that cannot be run so. */
  run(options: RunOptions = {}): RunResult {
    const { data, ctx, repeat = 1, dataSizeOut = 32768, ctxSizeOut = 32768 } = options;
    if (!Number.isSafeInteger(repeat) || repeat < 1 || repeat > 0xffffffff) {
      throw new UsageError(`repeat ${repeat}: a whole number from 1 to 4294967295 is expected`);
    }
    const inPlace = IN_PLACE.has(this.info.type);
    const ctxIn = inPlace ? ctx?.slice() : ctx;
    const dataOut = new Uint8Array(data === undefined ? 0 : dataSizeOut);
    const ctxOut = new Uint8Array(ctx === undefined || inPlace ? 0 : ctxSizeOut);
    const attr = {
      prog_fd: this.fd,
      // 0 means once, and is all that raw tracepoints and syscall programs take.
      repeat: repeat === 1 ? 0 : repeat,
      retval: 0,
      duration: 0,
      data_size_in: data?.length ?? 0,
      data_size_out: dataOut.length,
      ctx_size_in: ctx?.length ?? 0,
      ctx_size_out: ctxOut.length,
      ...(data && { data_in: data, data_out: dataOut }),
      ...(ctxIn && { ctx_in: ctxIn }),
      ...(ctx && !inPlace && { ctx_out: ctxOut }),
    };
    saying(`of ${this.label}`, () => this.kernel.bpf('BPF_PROG_TEST_RUN', attr));
    return {
      retval: attr.retval,
      durationNs: attr.duration,
      data: dataOut.subarray(0, attr.data_size_out),
      ctx: ctxIn !== undefined && inPlace ? ctxIn : ctxOut.subarray(0, attr.ctx_size_out),
    };
  }

  pin(path: string): void {
    pinFd(this.kernel, this.fd, path);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.kernel.close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opens a program by id, pin or fd (which is taken over). Throws SysError: ENOENT if there is no such program. */
export function openProgram(kernel: Kernel, source: ProgramSource): BpfProgram {
  const fd = openProgramFd(kernel, source);
  // An fd of the caller's stays the caller's if it fails.
  return adopt(kernel, fd, !('fd' in source), () => {
    expectKind(kernel, fd, 'prog', 'pinned' in source ? source.pinned : 'it');
    return new BpfProgram(kernel, fd);
  });
}

function openProgramFd(kernel: Kernel, source: ProgramSource): Fd {
  if ('fd' in source) return checkFd(source.fd);
  if ('id' in source)
    return saying(`program id ${source.id}`, () => kernel.bpf('BPF_PROG_GET_FD_BY_ID', { prog_id: source.id }));
  const pathname = checkPath(source.pinned);
  return saying(pathname, () => kernel.bpf('BPF_OBJ_GET', { pathname }));
}
