import { kindText, valueText } from './describe.ts';
import type { Path } from './path.ts';

/** What of a helper's arguments a register holds. */
const ARGUMENTS = ['', 'first', 'second', 'third', 'fourth', 'fifth'] as const;

/**
 * What the sentences of violations may say besides the parts of the kernel's words: `r` (`r2`), `value` (what the register holds), `kind`, `argument` (`second argument`), `callee`,
 * `first` and `last` byte of an access, `room` (the greatest offset at which it would fit).
 */
export function derivedParts(parts: Readonly<Record<string, string>>, path: Path): Readonly<Record<string, string>> {
  const { reg, type, nullable, pointer, place, off, size, total } = parts;
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  const [at, length, whole] = [number(off), number(size), number(total)];
  const value = reg === undefined ? undefined : path.valueBefore(path.end, `R${reg}`);
  const effect = path.effect(path.end);
  const map = value?.facts.get('map');
  // The kernel's words are right even where the log does not say what the register holds, or where a call has changed that.
  const said = type ?? nullable ?? pointer ?? place ?? (parts.number === undefined ? undefined : 'scalar');
  const isTold = value !== undefined && (said === undefined || said === value.kind);
  const kind = said ?? value?.kind;
  const inWords = kind === undefined ? undefined : kindText(kind, map === undefined ? {} : { map });
  return {
    ...parts,
    ...(reg !== undefined && { r: `r${reg}`, value: isTold ? valueText(value) : (inWords ?? 'something else') }),
    ...(reg !== undefined && { argument: `${ARGUMENTS[Number(reg)] ?? 'last'} argument (r${reg})` }),
    ...(inWords !== undefined && { kind: inWords }),
    callee: effect.kind === 'call' ? `${effect.name}()` : 'the call',
    ...(at !== undefined && length !== undefined && { first: `${at}`, last: `${at + length - 1}` }),
    ...(at !== undefined && length !== undefined && { end: `${at + length}` }),
    ...(whole !== undefined && length !== undefined && { room: `${whole - length}`, lastByte: `${whole - 1}` }),
  };
}
