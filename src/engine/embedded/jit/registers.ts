/**
 * Words in linear memory, through which generated code and JavaScript say to each other what no parameter does. Offsets:
 *
 *      0              48              96           100        104
 *     ┌──────────────┬───────────────┬────────────┬──────────┬─────┐
 *     │ low words    │ high words    │ tail calls │ frame    │ cpu │
 *     │ of r0 to r11 │ of r0 to r11  │ so far     │          │     │
 *     └──────────────┴───────────────┴────────────┴──────────┴─────┘
 *
 * `frame`: the end of the stack for a function that a helper calls back. `cpu`: the number of the CPU that runs the program.
 */
export const REGISTERS = 0;
export const HIGH = 48;
export const TAIL_CALLS = 96;
export const FRAME = 100;
export const CPU = 104;
export const REGISTERS_SIZE = 112;
