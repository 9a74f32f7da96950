import { CallRegisters } from '../jit/call-registers.ts';
import type { CompiledRun } from '../jit/compiled-run.ts';
import { createRun } from '../jit/jit.ts';
import type { Machine } from '../machine.ts';
import { MAIL, MAILBOX_SIZE, STATE } from './mailbox.ts';
import { startThread, type Thread } from './start-thread.ts';

/** A virtual CPU: a thread with a stack and registers of its own. */
export class Cpu {
  readonly number: number;
  readonly registers: CallRegisters;
  /** The environment of helpers that its programs call. */
  readonly run: CompiledRun;
  /** Address of the mailbox. */
  readonly mailbox: number;
  readonly #words: Int32Array;
  #thread: Thread | undefined;

  private constructor(machine: Machine, number: number, registers: CallRegisters, run: CompiledRun, mailbox: number) {
    this.number = number;
    this.registers = registers;
    this.run = run;
    this.mailbox = mailbox;
    this.#words = new Int32Array(machine.memory.memory.buffer, mailbox, MAILBOX_SIZE / 4);
    registers.run = run;
  }

  /** `undefined`: no memory is left. */
  static create(machine: Machine, number: number): Cpu | undefined {
    const mailbox = machine.memory.alloc(MAILBOX_SIZE);
    const registers = mailbox === 0 ? undefined : new CallRegisters(machine.memory);
    const run = registers && createRun(machine, registers);
    if (registers === undefined || run === undefined) return undefined;
    registers.begin(number, 0);
    return new Cpu(machine, number, registers, run, mailbox);
  }

  /** Started when it is asked for. */
  get thread(): Thread {
    this.#thread ??= startThread();
    return this.#thread;
  }

  stop(): void {
    this.#thread?.terminate();
    this.#thread = undefined;
  }

  get(word: keyof typeof MAIL): number {
    return Atomics.load(this.#words, MAIL[word]);
  }
  set(word: keyof typeof MAIL, value: number): void {
    Atomics.store(this.#words, MAIL[word], value);
  }
  get state(): number {
    return this.get('state');
  }
  /** Tells the thread, which sleeps. */
  tell(state: keyof typeof STATE): void {
    this.set('state', STATE[state]);
    Atomics.notify(this.#words, MAIL.state);
  }
  /** Why something went wrong. */
  get text(): string {
    return String.fromCharCode(...this.#words.subarray(MAIL.text, MAIL.text + this.get('textLength')));
  }
}
