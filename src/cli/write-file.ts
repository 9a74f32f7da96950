import { writeFileSync } from 'node:fs';
import { UsageError } from '../errors.ts';
import { systemReason } from '../server/index.ts';

/** Writes a file that the user named, over what is there. Throws UsageError with the path and the reason. */
export function writeUserFile(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? systemReason(cause) : String(cause);
    throw new UsageError(`cannot write ${path}: ${reason}`, { cause });
  }
}
