import { toHex } from '../bytes/hex.ts';
import { UsageError } from '../errors.ts';
import type { BpfMap } from './map.ts';

/** Milliseconds between two looks, at least; as a share of the time that a look took, so that watching never takes more than a tenth of it. */
const INTERVAL = 25;
const SHARE = 9;
/** Milliseconds for which a look keeps everything else in this process waiting. */
const SLICE = 10;
/** Bytes of keys and values that are kept to compare with. */
const MAX_BYTES = 1 << 26;

/** An element of a map that is not what it was at the look before. */
export interface MapChange {
  readonly change: 'new' | 'changed' | 'gone';
  readonly key: Uint8Array;
  /** As {@link BpfMap.getBytes} gives it; absent if it is gone. */
  readonly value?: Uint8Array | undefined;
}

/**
 * What changes in a map, whoever changes it and however: the elements that are different from one look to the next, some 25 ms later (more for a large
 * map). Of an element that changes several times between two looks the last value is told. What the map holds at the beginning is not told. Ends without
 * an error when `signal` is aborted. Until then the map must stay open.
 *
 * Throws UsageError for maps of more than 64 MiB, SysError as reading the map does: EOPNOTSUPP where a type has no elements that can be read.
 *
 * @example
 * for await (const { change, key, value } of watchMap(map)) console.log(change, key, value);
 */
export async function* watchMap(
  map: BpfMap,
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<MapChange, void> {
  const isAborted = () => signal?.aborted === true;
  const known = new Known(map);
  for (let first = true; !isAborted(); first = false) {
    let spent = 0;
    let start = performance.now();
    for (const change of known.look()) {
      if (change !== undefined && !first) yield change;
      if (isAborted()) return;
      if (performance.now() - start < SLICE) continue;
      spent += performance.now() - start;
      await pause(0, signal);
      start = performance.now();
    }
    spent += performance.now() - start;
    await pause(Math.max(INTERVAL, SHARE * spent), signal);
  }
}

/** What was found at the last look. */
class Known {
  readonly #map: BpfMap;
  readonly #elements = new Map<string, { readonly key: Uint8Array; value: Uint8Array; look: number }>();
  #bytes = 0;
  #looks = 0;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** One step for each element, with what is different about it. */
  *look(): Generator<MapChange | undefined> {
    const look = ++this.#looks;
    for (const [key, value] of this.#map.entriesBytes()) yield this.#found(key, value, look);
    for (const [name, element] of this.#elements) {
      if (element.look === look) continue;
      this.#elements.delete(name);
      this.#bytes -= element.key.length + element.value.length;
      yield { change: 'gone', key: element.key };
    }
  }

  #found(key: Uint8Array, value: Uint8Array, look: number): MapChange | undefined {
    const name = toHex(key);
    const element = this.#elements.get(name);
    if (element === undefined) {
      this.#bytes += key.length + value.length;
      if (this.#bytes > MAX_BYTES)
        throw new UsageError(`map ${this.#map.id} holds more than ${MAX_BYTES} bytes: too much to be watched`);
      this.#elements.set(name, { key, value, look });
      return { change: 'new', key, value };
    }
    element.look = look;
    if (value.every((byte, i) => byte === element.value[i])) return undefined;
    element.value = value;
    return { change: 'changed', key, value };
  }
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener('abort', end, { once: true });
  });
}
