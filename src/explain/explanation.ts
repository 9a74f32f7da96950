/** Why the verifier refused a program, for whoever wrote it. Made from the kernel's log alone; line numbers from the object where the log has none. */
export interface Explanation {
  /** Of the program; `undefined` where the log does not name it. */
  readonly program: string | undefined;
  /** `SKEP-V001`; `undefined` for words that skep does not know. */
  readonly code: string | undefined;
  /** The kind of violation in a few words. */
  readonly title: string;
  /** The kernel's own words. */
  readonly words: string;
  /** What was violated, in a sentence. */
  readonly what: string;
  /** The instruction that was refused; `undefined` where the program was refused as a whole. */
  readonly where: Place | undefined;
  /** How it came to that, in the order of the program: where the value comes from, what was found out about it, where that was lost. */
  readonly lost: readonly Clue[];
  /** What the verifier would have had to know. */
  readonly missing: string | undefined;
  /** What usually helps; `undefined` where {@link Explanation.code} is. */
  readonly fix: Fix | undefined;
  /** Where the rule is described, in the repository: `docs/verifier/memory.md#skep-v001`. */
  readonly page: string | undefined;
}

/** An instruction, and where in C that is. */
export interface Place {
  /** Slot. */
  readonly insn: number;
  /** In the kernel's notation; `undefined` where the log does not show it. */
  readonly text: string | undefined;
  readonly file: string | undefined;
  /** From 1. */
  readonly line: number | undefined;
  readonly source: string | undefined;
}

/** One thing that happened on the way to the refusal. */
export interface Clue extends Place {
  readonly says: string;
}

export interface Fix {
  /** A sentence. */
  readonly text: string;
  /** C that is refused for the same reason, and what to write instead. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}
