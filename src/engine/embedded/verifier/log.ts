/**
 * The text of the verifier's log. Level 0 keeps nothing but the last words; levels 1 and 2 follow the program (BPF_LOG_LEVEL1, BPF_LOG_LEVEL2), level 4 has statistics.
 */
export class LogText {
  readonly level: number;
  #lines: string[] = [];
  /** Registers, and slots, that the instruction changed: those are printed behind it. */
  touchedRegs = 0;
  touchedSlots = 0n;

  constructor(level: number) {
    this.level = level;
  }

  get follows(): boolean {
    return (this.level & 3) !== 0;
  }

  /** A line that is always there. */
  line(text: string): void {
    this.#lines.push(text);
  }

  /** A line of levels 1 and 2. */
  trace(text: () => string): void {
    if (this.follows) this.#lines.push(text());
  }

  touchReg(number: number): void {
    this.touchedRegs |= 1 << number;
  }

  touchSlot(spi: number): void {
    if (this.follows) this.touchedSlots |= 1n << BigInt(spi);
  }

  get length(): number {
    return this.#lines.length;
  }

  /** Forgets what was written since: a path that is safe. */
  cut(length: number): void {
    if ((this.level & 2) === 0) this.#lines.length = Math.min(this.#lines.length, length);
  }

  get text(): string {
    return this.#lines.map((line) => `${line}\n`).join('');
  }
}
