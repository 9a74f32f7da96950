import { NotSupportedError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { O_NONBLOCK, O_RDONLY } from '../sys/kernel.ts';
import type { Fd } from '../uapi/fd.ts';
import { orUndefined } from './calls.ts';
import { follow } from './follow.ts';

/** Where tracefs is mounted, in the order in which tc looks. */
const TRACE_PIPES = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing', '/tracing', '/trace'].map(
  (dir) => `${dir}/trace_pipe`,
);

/**
 * What programs say with bpf_trace_printk. Reading takes the lines away: the kernel gives each to one reader. Holds an fd: close it with `using`.
 *
 * @example
 * using trace = new TraceLog(kernel);
 * for await (const line of trace.follow(AbortSignal.timeout(1000))) console.log(line);
 */
export class TraceLog implements Disposable {
  readonly #kernel: Kernel;
  readonly #fd: Fd;
  readonly #buffer = new Uint8Array(65536);
  readonly #decoder = new TextDecoder();
  readonly #end = new AbortController();
  #rest = '';

  /** Throws NotSupportedError if the kernel has no tracefs mounted. */
  constructor(kernel: Kernel) {
    const path = TRACE_PIPES.find(
      (pipe) => orUndefined(['ENOENT', 'ENOTDIR', 'EACCES'], () => kernel.stat(pipe)) !== undefined,
    );
    if (path === undefined) {
      throw new NotSupportedError('reading the trace log without tracefs', {
        instead: 'mount it with `mount -t tracefs tracefs /sys/kernel/tracing`',
      });
    }
    this.#kernel = kernel;
    this.#fd = kernel.open(path, O_RDONLY | O_NONBLOCK);
  }

  /** The lines that are there, without waiting for more. Empty ones, which a format's own newline leaves behind, are left out. */
  lines(): string[] {
    const lines: string[] = [];
    for (let n = this.#read(); n > 0; n = this.#read()) {
      const parts = (this.#rest + this.#decoder.decode(this.#buffer.subarray(0, n), { stream: true })).split('\n');
      this.#rest = parts.pop() ?? '';
      lines.push(...parts.filter((part) => part !== ''));
    }
    return lines;
  }

  /** Lines as they come, until `signal` is aborted or this is closed, which ends the loop at once and without an error. */
  follow(signal?: AbortSignal): AsyncGenerator<string, void> {
    return follow(this.#kernel, [this.#fd], () => this.lines(), signal, this.#end.signal);
  }

  close(): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    this.#kernel.close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #read(): number {
    return orUndefined('EAGAIN', () => this.#kernel.read(this.#fd, this.#buffer)) ?? 0;
  }
}
