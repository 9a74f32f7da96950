import { ObjectError } from '../../errors.ts';
import type { Context } from '../command.ts';
import { readPcap } from '../pcap.ts';

/** The Ethernet frames of a pcap or pcapng file of the user. Throws ObjectError with the file, and UsageError. */
export function readFrames(context: Context, file: string): Uint8Array[] {
  try {
    return readPcap(context.readFile(file));
  } catch (error) {
    throw error instanceof ObjectError ? error.at({ file }) : error;
  }
}
