import { VerifierError } from '../../src/errors.ts';
import { load } from '../../src/loader/load.ts';
import { openObject } from '../../src/loader/object.ts';
import type { Kernel } from '../../src/sys/kernel.ts';

/** What becomes of an example: `loads`, or the code of the kind of violation. */
export function exampleVerdict(kernel: Kernel, bytes: Uint8Array, file: string): string {
  try {
    load(kernel, openObject(bytes, { file })).close();
    return 'loads';
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return error.violation ?? `no code: ${error.message}`;
  }
}
