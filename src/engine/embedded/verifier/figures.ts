/** Instructions that are followed before the program is given up. A program has no more. */
export const BPF_COMPLEXITY_LIMIT_INSNS = 1_000_000;

/** What a verification took. */
export interface Figures {
  readonly insnsProcessed: number;
  readonly maxStatesPerInsn: number;
  readonly totalStates: number;
  readonly peakStates: number;
}

/** The last line of the log. */
export function figuresText({ insnsProcessed, maxStatesPerInsn, totalStates, peakStates }: Figures): string {
  return `processed ${insnsProcessed} insns (limit ${BPF_COMPLEXITY_LIMIT_INSNS}) max_states_per_insn ${maxStatesPerInsn} total_states ${totalStates} peak_states ${peakStates} mark_read 0`;
}
