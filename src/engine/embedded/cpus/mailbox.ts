/**
 * Words of linear memory through which a CPU's thread and the kernel's say what is to be done. Numbers of 32 bits:
 *
 *      0       1      2       3        4         5      6   7   8       9        10      11             12 ...
 *     ┌───────┬──────┬───────┬────────┬─────────┬──────┬───┬───┬───────┬────────┬───────┬──────────────┬──────────────────┐
 *     │ state │ list │ count │ repeat │ program │ call │ a │ b │ reply │ passes │ wakes │ length of    │ text, a code     │
 *     │       │      │       │        │         │      │   │   │       │ done   │       │ the text     │ unit in a word   │
 *     └───────┴──────┴───────┴────────┴─────────┴──────┴───┴───┴───────┴────────┴───────┴──────────────┴──────────────────┘
 *
 * `list`, `count`, `repeat`: what to run. `program`, `call`, `a`, `b`: which function the thread asks for, or with `call` ENDED that a run has ended in the middle, with the text as the reason.
 * `wakes`: whether somebody who waits for something to read is to be woken.
 */
// biome-ignore format: aligned table
export const MAIL = {
  state: 0, list: 1, count: 2, repeat: 3, program: 4, call: 5, a: 6, b: 7, reply: 8, passes: 9, wakes: 10, textLength: 11, text: 12,
} as const;
export const MAX_TEXT = 200;
export const MAILBOX_SIZE = 4 * (MAIL.text + MAX_TEXT);

/** What `state` says. */
export const STATE = { loading: 0, ready: 1, running: 2, asks: 3, answered: 4, ended: 5, done: 6, failed: 7 } as const;

/** In the place of a call: the run has ended in the middle, since a helper said so (`a` is 0) or for the reason in the text. */
export const ENDED = -1;
