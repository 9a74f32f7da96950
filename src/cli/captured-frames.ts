import { ObjectError } from '../errors.ts';

const LINKTYPE_ETHERNET = 1;
/** Bytes of one packet, and packets of one file, at most. */
const MAX_PACKET = 1 << 18;
const MAX_PACKETS = 1 << 20;

/** The frames of a capture file, as they are found. What is added or asked for throws ObjectError where no frame can be so. */
export class CapturedFrames {
  readonly frames: Uint8Array[] = [];

  /** A packet of `length` bytes is about to be read. `at`: where in the file it begins. */
  check(length: number, at: number): void {
    if (length > MAX_PACKET)
      throw new ObjectError(`a packet of ${length} bytes is longer than ${MAX_PACKET}`, { offset: at });
    if (length < 14)
      throw new ObjectError(`a packet of ${length} bytes is shorter than its Ethernet header`, { offset: at });
    if (this.frames.length >= MAX_PACKETS)
      throw new ObjectError(`more than ${MAX_PACKETS} packets; split the file`, { offset: at });
  }

  add(bytes: Uint8Array): void {
    this.frames.push(new Uint8Array(bytes));
  }
}

/** Throws ObjectError for packets that are not of Ethernet. */
export function checkLinkType(linkType: number, at: number): void {
  if (linkType !== LINKTYPE_ETHERNET)
    throw new ObjectError(`its packets are of link type ${linkType}, not 1 (Ethernet)`, { offset: at });
}
