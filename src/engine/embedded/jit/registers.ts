/**
 * Words in linear memory, through which generated code and JavaScript say to each other what no parameter does. Offsets:
 *
 *      0              48              96           100        104   108           112     116    120
 *     ┌──────────────┬───────────────┬────────────┬──────────┬─────┬─────────────┬───────┬──────┬─────────┐
 *     │ low words    │ high words    │ tail calls │ frame    │ cpu │ rounds that │ entry │ lock │ context │
 *     │ of r0 to r11 │ of r0 to r11  │ so far     │          │     │ are left    │       │      │         │
 *     └──────────────┴───────────────┴────────────┴──────────┴─────┴─────────────┴───────┴──────┴─────────┘
 *
 * `frame`: the end of the stack for a function that a helper calls back. `cpu`: the number of the CPU that runs the program. `entry`: address of the entry of a batch that is being run.
 * `lock`: address of the bpf_spin_lock that is held, or 0, where several CPUs run. `context`: address of that of the program that runs, 0 where it has none.
 */
export const REGISTERS = 0;
export const HIGH = 48;
export const TAIL_CALLS = 96;
export const FRAME = 100;
export const CPU = 104;
export const ROUNDS = 108;
export const ENTRY = 112;
export const LOCK = 116;
export const CONTEXT = 120;
export const REGISTERS_SIZE = 124;
/** Rounds of bpf_loop, and calls of other callbacks, after which a run is given up: loops within loops take longer than anybody waits, which no verifier forbids. */
export const MAX_ROUNDS = 1 << 30;
