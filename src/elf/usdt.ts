import { roundUp } from '../bytes/round.ts';
import { ObjectError } from '../errors.ts';
import { type Binary, cursorOf, readBinary, readSegments, type Segment, sectionNamed } from './binary.ts';

const NOTES = '.note.stapsdt';
/** A byte of the program's text, whose address a tool that moves programs changes, and with it those of the notes. */
const BASE = '.stapsdt.base';
const SHT_NOTE = 7;
const NT_STAPSDT = 3;
/** Bytes of the addresses in a note: where the probe is, where `.stapsdt.base` was, where the semaphore is. */
const ADDRESSES = 24;
/** Places of one probe. The kernel takes a million in one link. */
const MAX_PLACES = 1 << 16;
/** Bytes of the arguments of one place. Twelve arguments take some 300. */
const MAX_ARGS = 1 << 12;
/** Names that a message lists. */
const MAX_LISTED = 8;

/** The places of a probe that a program was compiled with (USDT, `<sys/sdt.h>`). */
export interface UsdtProbe {
  /** EM_* of the file. */
  readonly machine: number;
  /** Whether the file is mapped where its addresses say. */
  readonly fixed: boolean;
  /** One at least: a function that is inlined has one for each time. */
  readonly places: readonly UsdtPlace[];
}

export interface UsdtPlace {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** As the file says it, without where it is mapped to. */
  readonly address: number;
  /** Where the counter is that says whether anybody watches: bytes from the start of the file; 0 if there is none. */
  readonly semaphore: number;
  /** Where its arguments are, as the assembler wrote them: `-4@%eax 8@-16(%rbp)`. */
  readonly args: string;
}

/**
 * Finds a probe in an executable or a shared library by the notes that it has of them. Throws ObjectError if the bytes are damaged, or there is no such probe. Source of
 * the format: the SystemTap wiki, UserSpaceProbeImplementation.
 */
export function usdtProbe(bytes: Uint8Array, provider: string, name: string): UsdtProbe {
  const binary = readBinary(bytes);
  const segments = readSegments(binary);
  const base = sectionNamed(binary, BASE)?.address ?? 0;
  const wanted = new TextEncoder().encode(`${provider}\0${name}\0`);
  const places: UsdtPlace[] = [];
  for (const note of notesOf(binary)) {
    if (!wanted.every((byte, i) => note.names[i] === byte)) continue;
    if (places.length === MAX_PLACES)
      throw new ObjectError(`probe ${provider}:${name} has more than ${MAX_PLACES} places`, { section: NOTES });
    const moved = base !== 0 && note.base !== 0 ? base - note.base : 0;
    const address = note.address + moved;
    places.push({
      offset: fileOffset(segments, address, true, note.at),
      address,
      semaphore: note.semaphore === 0 ? 0 : fileOffset(segments, note.semaphore + moved, false, note.at),
      args: argsText(note.names.subarray(wanted.length), note.at),
    });
  }
  if (places.length > 0) return { machine: binary.machine, fixed: binary.fixed, places };
  throw new ObjectError(`it has no USDT probe ${provider}:${name}; ${whatThereIs(binary)}`);
}

interface Note {
  /** Bytes from the start of the file. */
  readonly at: number;
  readonly address: number;
  readonly base: number;
  readonly semaphore: number;
  /** Provider, name and arguments, each with a NUL. */
  readonly names: Uint8Array;
}

function* notesOf(binary: Binary): Generator<Note> {
  const { bytes } = binary;
  const section = sectionNamed(binary, NOTES);
  if (section === undefined || section.type !== SHT_NOTE) return;
  const cursor = cursorOf(bytes);
  const end = section.offset + section.size;
  // Elf64_Nhdr: bytes of the owner's name, bytes of the content, type; then both, each to a multiple of 4.
  for (let at = section.offset; at + 12 <= end; ) {
    cursor.offset = at;
    const [nameSize, size, type] = [cursor.u32(), cursor.u32(), cursor.u32()];
    cursor.offset += roundUp(nameSize, 4);
    const next = cursor.offset + roundUp(size, 4);
    const content = cursor.take(size);
    if (next > end) throw new ObjectError('a note reaches past the end of its section', { section: NOTES, offset: at });
    if (type === NT_STAPSDT && size > ADDRESSES) {
      cursor.offset -= size;
      const [address, base, semaphore] = [cursor.size(), cursor.size(), cursor.size()];
      yield { at, address, base, semaphore, names: content.subarray(ADDRESSES) };
    }
    at = next;
  }
}

function fileOffset(segments: readonly Segment[], address: number, executable: boolean, at: number): number {
  const segment = segments.find((one) => one.address <= address && address < one.address + one.size);
  if (segment?.executable === executable) return address - segment.address + segment.offset;
  const what = executable ? 'code' : 'a variable';
  throw new ObjectError(`a probe names 0x${address.toString(16)} as the address of ${what}, which it is not`, {
    section: NOTES,
    offset: at,
  });
}

function argsText(names: Uint8Array, offset: number): string {
  const end = names.indexOf(0);
  if (end < 0 || end > MAX_ARGS)
    throw new ObjectError('the arguments of a probe have no end, or are too long', { section: NOTES, offset });
  const text = new TextDecoder().decode(names.subarray(0, end));
  return text.startsWith(':') ? '' : text;
}

function whatThereIs(binary: Binary): string {
  const names = new Set<string>();
  for (const note of notesOf(binary)) {
    const [provider, name] = new TextDecoder().decode(note.names.subarray(0, MAX_ARGS)).split('\0');
    names.add(`${provider}:${name}`);
    if (names.size > MAX_LISTED) break;
  }
  const listed = [...names].slice(0, MAX_LISTED);
  if (listed.length === 0) return `it has none at all (no notes in ${NOTES})`;
  return `it has ${listed.join(', ')}${names.size > MAX_LISTED ? ', …' : ''}`;
}
