import { SysError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { Fd } from '../uapi/fd.ts';

/** Bytes of keys and values that one call asks for, unless one bucket has more. */
const BATCH_BYTES = 1 << 16;
/** As often as the kernel itself tries an element that vanished under it. */
const MAX_INTERRUPTED = 3;

/** A map that pairs are read from. */
export interface BatchSource {
  readonly kernel: Kernel;
  readonly fd: Fd;
  readonly keySize: number;
  /** Bytes that a system call moves for one value. */
  readonly valueBytes: number;
  readonly maxEntries: number;
}

/** Begins a walk; `undefined` if the kernel has no batches (Linux < 5.6) or none for this type of map. */
export function startBatches(source: BatchSource): BatchReader | undefined {
  const reader = new BatchReader(source);
  try {
    reader.read();
    return reader;
  } catch (error) {
    if (error instanceof SysError && (error.code === 'EINVAL' || error.code === 'ENOTSUPP')) return undefined;
    throw error;
  }
}

/**
 * One walk through a map, many pairs with one system call. Whoever walks counts: a map that changes meanwhile may have no end. There is no generator in
 * here: one within another costs as much as the call that a pair takes.
 */
export class BatchReader {
  readonly #source: BatchSource;
  #size: number;
  #keys = new Uint8Array(0);
  #values = new Uint8Array(0);
  /** Where the next call goes on: the number of a bucket, or a key. */
  #place: Uint8Array | undefined;
  /** Pairs that the last {@link BatchReader.read} gave. */
  count = 0;
  /** There are no more. */
  ended = false;

  constructor(source: BatchSource) {
    this.#source = source;
    const { keySize, valueBytes, maxEntries } = source;
    this.#size = Math.max(1, Math.min(maxEntries, Math.floor(BATCH_BYTES / (keySize + valueBytes))));
  }

  /** The next part of the map. */
  read(): void {
    const { kernel, fd, keySize, valueBytes, maxEntries } = this.#source;
    for (let interrupted = 0; ; ) {
      if (this.#values.length !== this.#size * valueBytes) {
        this.#keys = new Uint8Array(this.#size * keySize);
        this.#values = new Uint8Array(this.#size * valueBytes);
      }
      const out_batch = new Uint8Array(Math.max(4, keySize));
      const in_batch = this.#place === undefined ? {} : { in_batch: this.#place };
      const buffers = { keys: this.#keys, values: this.#values, out_batch, ...in_batch };
      const attr = { map_fd: fd, count: this.#size, ...buffers };
      try {
        kernel.bpf('BPF_MAP_LOOKUP_BATCH', attr);
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
        // A bucket comes whole or not at all.
        if (error.code === 'ENOSPC' && this.#size < maxEntries) {
          this.#size = Math.min(maxEntries, 2 * this.#size);
          continue;
        }
        if (error.code === 'EINTR' && interrupted++ < MAX_INTERRUPTED) continue;
        if (error.code !== 'ENOENT') throw error;
        this.ended = true;
      }
      this.count = attr.count;
      this.#place = out_batch;
      return;
    }
  }

  /** The key and the value of one pair, below `count`. */
  pair(i: number): [Uint8Array, Uint8Array] {
    const { keySize, valueBytes } = this.#source;
    const key = this.#keys.slice(i * keySize, (i + 1) * keySize);
    return [key, this.#values.slice(i * valueBytes, (i + 1) * valueBytes)];
  }
}
