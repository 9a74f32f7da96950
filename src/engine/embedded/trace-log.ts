import type { Clock } from './clock.ts';
import type { Observers } from './observers.ts';
import type { Wakeups } from './wakeups.ts';

/** Lines that are kept while nobody reads; older ones are lost, as in a ring buffer. */
const CAPACITY = 8192;
/** Bytes of one message: what bpf_trace_printk can say at once. */
const MAX_TEXT = 1024;

/** What is running while something is written to the log. */
export interface TraceContext {
  readonly clock: Clock;
  readonly cpu: number;
  /** The process in a system call; 0 if none. */
  readonly pid: number;
  readonly wake: Wakeups;
  readonly observers: Observers;
}

/** What programs say with bpf_trace_printk, until a reader of trace_pipe takes it. One log for all readers: what one takes, no other sees. */
export class TraceLog {
  readonly #context: TraceContext;
  /** A ring: `#count` lines from `#first` on. */
  readonly #lines: string[] = [];
  #first = 0;
  #count = 0;
  #lost = 0;

  constructor(context: TraceContext) {
    this.#context = context;
  }

  /** Adds a message, cut off after 1024 characters. */
  write(text: string): void {
    if (this.#count === CAPACITY) {
      this.#first = (this.#first + 1) % CAPACITY;
      this.#count--;
      this.#lost++;
    }
    const line = formatLine(this.#context, text.slice(0, MAX_TEXT));
    this.#lines[(this.#first + this.#count) % CAPACITY] = line;
    this.#count++;
    this.#context.wake.all();
    this.#context.observers.tell({ kind: 'log', line: line.trimEnd() });
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  /** Takes the oldest line, with its newline; `undefined` if there is none. Says first how many were lost, as Linux does. */
  take(): string | undefined {
    if (this.#count === 0) return undefined;
    if (this.#lost > 0) {
      const lost = this.#lost;
      this.#lost = 0;
      return `CPU:${this.#context.cpu} [LOST ${lost} EVENTS]\n`;
    }
    const line = this.#lines[this.#first];
    this.#first = (this.#first + 1) % CAPACITY;
    this.#count--;
    return line;
  }
}

/** As trace_pipe prints an event of a process whose name was not recorded. */
function formatLine({ clock, cpu, pid }: TraceContext, text: string): string {
  const microseconds = clock.now() / 1000n;
  const seconds = String(microseconds / 1_000_000n).padStart(5);
  const rest = String(microseconds % 1_000_000n).padStart(6, '0');
  const task = `${'<...>'.padStart(16)}-${String(pid).padEnd(7)}`;
  return `${task} [${String(cpu).padStart(3, '0')}] ...11 ${seconds}.${rest}: bpf_trace_printk: ${text}\n`;
}
