import type { Event } from './follow.ts';
import type { Path } from './path.ts';
import type { Parts, Traced } from './trace.ts';

/** Which bytes on the stack were written, of those that are read. */
export function traceStack(path: Path, { off, n, size }: Parts): Traced {
  const start = Number(off);
  const length = Number(size);
  if (!Number.isSafeInteger(start) || !(length > 0 && length <= 512)) return { clues: [] };
  const written = new Set<number>();
  const clues: Event[] = [];
  for (let i = 0; i < path.end; i++) {
    const effect = path.effect(i);
    if (effect.kind !== 'store' || path.depth(i) !== path.depth(path.end)) continue;
    const at = placeOf(path, i, effect.base, effect.off);
    if (at === undefined || at + effect.size <= start || at >= start + length) continue;
    for (let byte = at; byte < at + effect.size; byte++) written.add(byte);
    clues.push({ at: i, says: `bytes ${at} to ${at + effect.size - 1} are written` });
  }
  const holes: number[] = [];
  for (let byte = start; byte < start + length; byte++) if (!written.has(byte)) holes.push(byte);
  const first = n === undefined ? undefined : start + Number(n);
  const missing =
    holes.length === 0 || first === undefined
      ? undefined
      : holes.length === length
        ? `none of the ${length} bytes from ${start} on is written on this path`
        : `bytes ${rangesText(holes)} are not written on this path`;
  return { clues: clues.slice(-24), missing };
}

/** Bytes from the frame pointer, if that is what is written to. */
function placeOf(path: Path, at: number, base: number, off: number): number | undefined {
  if (base === 10) return off;
  const value = path.valueBefore(at, `R${base}`);
  const place = value?.kind === 'fp' ? /^fp(-?\d+)$/.exec(value.text)?.[1] : undefined;
  return place === undefined ? undefined : Number(place) + off;
}

/** `-8 to -5, -2`. */
function rangesText(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const n of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else ranges.push([n, n]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`)).join(', ');
}
