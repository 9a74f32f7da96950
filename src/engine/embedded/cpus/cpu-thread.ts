import type { inStretches } from '../jit/batch.ts';
import type { WasmFunction } from '../jit/webassembly.ts';
import type { WasmMemory } from '../wasm-memory.ts';
import type { ENDED, MAIL, STATE } from './mailbox.ts';

/** A module, for the thread of a CPU. */
export interface ThreadProgram {
  readonly module: object;
  /** The functions that it imports, in the order of their numbers. */
  readonly imports: readonly string[];
  /** Its place among the targets of tail calls. */
  readonly place: number | undefined;
}

/** What a CPU is to run: the first program. All is of this CPU alone, but for the memory and the bell. */
export interface ThreadTask {
  readonly memory: WasmMemory;
  /** Addresses: of the mailbox, of the word that wakes the kernel's thread, and of words of registers.ts. */
  readonly mailbox: number;
  readonly bell: number;
  readonly entry: number;
  readonly high: number;
  /** End of its stack. */
  readonly top: number;
  /** See `Stretches`. */
  readonly entrySize: number;
  readonly stretch: number;
  /** Code units that a text in the mailbox has at most. */
  readonly maxText: number;
  readonly programs: readonly ThreadProgram[];
  /** How many places the table of targets has. */
  readonly places: number;
  readonly clock: ThreadClock | undefined;
  readonly wake: string;
  readonly words: typeof MAIL;
  readonly states: typeof STATE;
  readonly ended: typeof ENDED;
}

/** For what asks for the time: the names of those imports. */
export interface ThreadClock {
  readonly names: readonly string[];
  /** When it began, in milliseconds since 1970; `undefined`: it stands still. */
  readonly origin: number | undefined;
  /** Nanoseconds that are added. */
  readonly ahead: number;
}

/**
 * The thread of a CPU. Its text is what the thread is started with, so it uses nothing that stands outside of it. `onTask`: says who is given tasks. `stretches`: the function of that text.
 *
 * What the programs import is done by the kernel's own thread, which is asked through the mailbox, while this one sleeps; but for the time.
 */
export function cpuThread(onTask: (run: (task: ThreadTask) => void) => void, stretches: typeof inStretches): void {
  interface Wasm {
    readonly Table: new (d: object) => { set(at: number, value: unknown): void };
    readonly Instance: new (module: object, imports: object) => { readonly exports: Record<string, WasmFunction> };
    readonly RuntimeError: new () => Error;
  }
  const { WebAssembly } = globalThis as unknown as { WebAssembly: Wasm }; // Node's types do not declare it

  onTask((task) => {
    const { words: W, states: S, memory } = task;
    const mail = new Int32Array(memory.buffer, task.mailbox);
    const bell = new Int32Array(memory.buffer, task.bell, 1);
    const entry = new Int32Array(memory.buffer, task.entry, 1);
    const high = new Int32Array(memory.buffer, task.high, 1);
    /** What a run is ended with that the kernel has ended. */
    const over = new Error('ended');

    const say = (state: number): void => {
      Atomics.store(mail, W.state, state);
      Atomics.add(bell, 0, 1);
      Atomics.notify(bell, 0);
    };
    const sleepWhile = (state: number): number => {
      while (Atomics.load(mail, W.state) === state) Atomics.wait(mail, W.state, state);
      return Atomics.load(mail, W.state);
    };
    const ask = (program: number, call: number, a: number, b: number): number => {
      mail[W.program] = program;
      mail[W.call] = call;
      mail[W.a] = a;
      mail[W.b] = b;
      say(S.asks);
      if (sleepWhile(S.asks) === S.ended) throw over;
      return mail[W.reply] ?? 0;
    };
    const write = (text: string): void => {
      const length = Math.min(text.length, task.maxText);
      mail[W.textLength] = length;
      for (let i = 0; i < length; i++) mail[W.text + i] = text.charCodeAt(i);
    };
    const now = (): number => {
      const { clock } = task;
      const { origin, ahead } = clock ?? { origin: undefined, ahead: 0 };
      const passed = origin === undefined ? 0 : performance.timeOrigin + performance.now() - origin;
      const ns = Math.round(passed * 1000) * 1000 + ahead;
      high[0] = Math.floor(ns / 2 ** 32);
      return ns | 0;
    };

    try {
      const table = new WebAssembly.Table({ element: 'anyfunc', initial: task.places });
      const instances = task.programs.map(({ module, imports, place }, program) => {
        const functions = imports.map((name, call) => {
          if (task.clock?.names.includes(name)) return [name, now];
          if (name === task.wake) {
            const wake = (): number => {
              mail[W.wakes] = 1;
              return 0;
            };
            return [name, wake];
          }
          return [name, (a = 0, b = 0) => ask(program, call, a, b)];
        });
        const { exports } = new WebAssembly.Instance(module, {
          k: { ...Object.fromEntries(functions), memory, table },
        });
        if (place !== undefined) table.set(place, exports.target);
        return exports;
      });
      const batch = instances[0]?.batch;
      if (batch === undefined) throw new Error('there is no program');
      say(S.ready);
      sleepWhile(S.ready);
      stretches({
        list: mail[W.list] ?? 0,
        count: mail[W.count] ?? 0,
        repeat: mail[W.repeat] ?? 0,
        entrySize: task.entrySize,
        stretch: task.stretch,
        run: (list, count) => batch(list, count, task.top),
        ended(error) {
          if (error !== over) write(error instanceof Error ? error.message : String(error));
          try {
            ask(0, task.ended, error === over ? 0 : 1, 0);
          } catch {} // the kernel says that it is over, as it knows
          return entry[0] ?? 0;
        },
        passed: () => Atomics.add(mail, W.passes, 1),
      });
      say(S.done);
    } catch (error) {
      write(error instanceof Error ? error.message : String(error));
      say(S.failed);
    }
  });
}
