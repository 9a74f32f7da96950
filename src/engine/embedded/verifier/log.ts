/** BPF_LOG_LEVEL1 and 2: every instruction; BPF_LOG_LEVEL2: of all paths, and why states were compared as they were; BPF_LOG_STATS. */
const BPF_LOG_LEVEL = 1 | 2;
const BPF_LOG_LEVEL2 = 2;
const BPF_LOG_STATS = 4;
const BPF_LOG_FIXED = 8;

/** The text of the verifier's log. Level 0 keeps nothing but the last words. */
export class LogText {
  readonly level: number;
  readonly #room: number;
  readonly #pieces: string[] = [];
  /** Of the pieces: the first that is kept. */
  #first = 0;
  /** Characters, of all that was written and not cut, and of what was dropped at the beginning (or, with BPF_LOG_FIXED, at the end). */
  #length = 0;
  #dropped = 0;
  /** The most that `length` ever was. */
  longest = 0;
  /** Registers and slots that were read or written since they were printed last. Bits. */
  #regs = 0;
  #slots = 0n;

  /** `room`: characters that are wanted at most, of the end; of the beginning with BPF_LOG_FIXED. */
  constructor(level: number, room: number) {
    this.level = level;
    this.#room = room;
  }

  get follows(): boolean {
    return (this.level & BPF_LOG_LEVEL) !== 0;
  }

  get followsAll(): boolean {
    return (this.level & BPF_LOG_LEVEL2) !== 0;
  }

  get hasStats(): boolean {
    return (this.level & BPF_LOG_STATS) !== 0;
  }

  get length(): number {
    return this.#length;
  }

  write(text: string): void {
    this.#length += text.length;
    if (this.#length > this.longest) this.longest = this.#length;
    if ((this.level & BPF_LOG_FIXED) !== 0 && this.#length - this.#dropped > this.#room + text.length) {
      this.#dropped += text.length;
      return;
    }
    this.#pieces.push(text);
    if ((this.level & BPF_LOG_FIXED) === 0) this.#forgetBeginning();
  }

  #forgetBeginning(): void {
    for (;;) {
      const size = this.#pieces[this.#first]?.length ?? 0;
      if (this.#length - this.#dropped - size < this.#room || this.#first + 1 >= this.#pieces.length) break;
      this.#pieces[this.#first++] = '';
      this.#dropped += size;
    }
    if (this.#first < 4096 || this.#first < this.#pieces.length / 2) return;
    this.#pieces.splice(0, this.#first);
    this.#first = 0;
  }

  /** A line that is always there. */
  line(text: string): void {
    this.write(`${text}\n`);
  }

  /** A line of levels 1 and 2. */
  trace(text: () => string): void {
    if (this.follows) this.line(text());
  }

  /** A line of level 2. */
  detail(text: () => string): void {
    if (this.followsAll) this.line(text());
  }

  /** Forgets what was written since. */
  cut(length: number): void {
    if ((this.level & BPF_LOG_FIXED) !== 0) {
      const beyond = Math.min(this.#dropped, this.#length - length);
      this.#dropped -= beyond;
      this.#length -= beyond;
    }
    while (this.#length > length) {
      const last = this.#pieces.pop();
      // What was before is not kept any more.
      if (last === undefined) {
        this.#length = this.#dropped = length;
        this.#first = 0;
        break;
      }
      this.#length -= last.length;
      if (this.#length < length) this.write(last.slice(0, length - this.#length));
    }
  }

  /** Forgets a path that is safe, but at level 2. */
  leavePath(length: number): void {
    if (!this.followsAll) this.cut(length);
  }

  touchReg(number: number): void {
    this.#regs |= 1 << number;
  }

  touchSlot(spi: number): void {
    if (this.follows) this.#slots |= 1n << BigInt(spi);
  }

  touchAll(): void {
    this.#regs = -1;
    this.#slots = -1n;
  }

  get isTouched(): boolean {
    return this.#regs !== 0 || this.#slots !== 0n;
  }

  /** What was touched since it was asked last. */
  takeTouched(): { readonly regs: number; readonly slots: bigint } {
    const touched = { regs: this.#regs, slots: this.#slots };
    this.#regs = 0;
    this.#slots = 0n;
    return touched;
  }

  get text(): string {
    return this.#pieces.join('');
  }
}
