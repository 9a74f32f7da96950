import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { SLOW } from './slow.ts';

/** Milliseconds after which whoever has it is taken to have died. */
const PATIENCE = 20_000 * SLOW;

/** Waits until no other test of the machine has the lock of this name, and holds it until disposal: for what no namespace keeps apart. */
export async function machineLock(name: string): Promise<Disposable> {
  const path = join(tmpdir(), `skep-test-lock-${name}`);
  for (const end = Date.now() + PATIENCE; !taken(path) && Date.now() < end; ) await setTimeout(50);
  return { [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function taken(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false; // what node:fs throws
    throw error;
  }
}
