import type { Subject } from '../progs/subject.ts';

// An entry of a batch: see `emitBatch`.
export const ENTRY_CONTEXT = 0;
export const ENTRY_VERDICT = 4;
export const ENTRY_SIZE = 8;
/** The verdict of a run that did not end as it should. */
export const ABORTED = 0;

/** Milliseconds after which V8's faster code may be entered. */
export const STRETCH = 0.5;

/** Entries that follow each other in memory. */
export interface Share {
  /** Address of the first. */
  readonly list: number;
  readonly count: number;
}

/** What is to be done with entries. */
export interface Work {
  /** How often all of a share is run. */
  readonly repeat: number;
  /** What a context describes. */
  readonly subjectAt: (context: number) => Subject | undefined;
}

/** What {@link inStretches} goes through. */
export interface Stretches extends Share {
  readonly repeat: number;
  /** {@link ENTRY_SIZE} and {@link STRETCH}. */
  readonly entrySize: number;
  readonly stretch: number;
  /** Runs so many entries. */
  readonly run: (list: number, count: number) => void;
  /** Called with what `run` threw; the address of the entry that ended so, behind which it goes on. */
  readonly ended: (error: unknown) => number;
  /** Called when all were run once more. */
  readonly passed?: () => void;
}

/**
 * Runs all entries again and again, so many at a time that the machine code of a loop is entered anew often enough to be replaced by a faster one. A thread is started with its
 * text, so it uses nothing that stands outside of it.
 */
export function inStretches({ list, count, repeat, entrySize, stretch, run, ended, passed }: Stretches): void {
  let chunk = 64;
  let grows = true;
  for (let [at, left, passes] = [list, count, repeat]; passes > 0; ) {
    let done = Math.min(left, chunk);
    const start: number = grows ? performance.now() : 0;
    try {
      run(at, done);
      if (grows) {
        grows = chunk < count && performance.now() - start < stretch;
        if (grows) chunk *= 2;
      }
    } catch (error) {
      done = (ended(error) - at) / entrySize + 1;
    }
    at += done * entrySize;
    left -= done;
    if (left > 0) continue;
    [at, left] = [list, count];
    passes--;
    passed?.();
  }
}
