/** Why a run ended before the program's `exit`. The verdict of such a run is 0. */
export interface Fault {
  /** Slot of the instruction that could not be executed, counted from the start of the program as it was loaded; `undefined` where compiled code ran, which does not say. */
  readonly insn: number | undefined;
  /** A sentence without a full stop. */
  readonly reason: string;
  /** Id and name of the program; `undefined` for code that no BPF_PROG_LOAD made (classic filters). */
  readonly program: { readonly id: number; readonly name: string } | undefined;
}

/** One line for the trace log. */
export function formatFault({ insn, reason, program }: Fault): string {
  const subject = program === undefined ? 'filter' : `program ${program.id}${program.name && ` (${program.name})`}`;
  return `${subject} stopped${insn === undefined ? '' : ` at insn ${insn}`}: ${reason}`;
}
