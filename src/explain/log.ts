/** What the verifier wrote about one program: in the words of any kernel since 5.10, with whatever else was written around it. */
export interface VerifierLog {
  /** As libbpf names it around the log. */
  readonly program: string | undefined;
  /** Instructions in the order in which they were followed. At log level 1 that is the path that was refused. */
  readonly steps: readonly Step[];
  /** What was said after the last instruction, the reason for the refusal among it; without the diagnostics of Linux 7.3. */
  readonly remarks: readonly string[];
  /** The diagnostics of Linux >= 7.3: `Register Type Safety: Invalid dereference`. */
  readonly diagnosis: string | undefined;
  /** Instructions that were followed over all paths, as the last line says. */
  readonly processed: number | undefined;
  /** Lines of the log that are lost: its beginning was overwritten, or it was too long to be read. */
  readonly isCut: boolean;
}

export interface Step {
  readonly insn: number;
  readonly opcode: number;
  /** As the log writes it, without the opcode: `r0 = *(u32 *)(r0 +0)`. */
  readonly text: string;
  /** The line of C that the log shows for it. */
  readonly source: SourceLine | undefined;
  /** What was known of registers when this path began here, or when the log last said it: ` R1=ctx() R10=fp0`. */
  readonly before: string | undefined;
  /** What the instruction changed, in the same way. */
  readonly after: string | undefined;
  /** The jump that this path branched off from; only where the log says `from 3 to 7`. */
  readonly from: number | undefined;
}

/** Where in C. Kernels before 6.9 show the text alone. */
export interface SourceLine {
  readonly text: string;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
}

/** Characters of a log that are read, from its end, and of one line. A kernel gives at most 16 MiB. */
const MAX_TEXT = 1 << 24;
const MAX_LINE = 4096;
const MAX_REMARKS = 64;

const BEGIN = /-- BEGIN (?:PROG LOAD|DUMP) LOG/;
const END = /-- END (?:PROG LOAD|DUMP) LOG/;
/** What others write before each line: syslog, dmesg, libbpf. */
const PREFIXES = [
  /^(?:[A-Z][a-z]{2} +\d+ [\d:]{8} |\d{4}-\d\d-\d\d[T ][\d:.,+Z-]+ )?(?:\S+ )?\S*kernel: /,
  /^\[ *\d+\.\d+\] /,
  /^libbpf: (?:prog '[^']*': (?!--))?/,
];
const INSN = /^(\d+): \(([0-9a-f]{2})\) (.*)$/;
const STATE = /^\d+:((?: frame\d+:)? (?:R\d+|fp-\d+)(?:_\w+)?=.*)$/;
const FROM = /^from (\d+) to (\d+)(?: \(speculative execution\))?:(.*)$/;
const SOURCE = /^; (.*)$/;
const PLACE = /^(.*) @ ([^@]*):(\d+)$/;
const PROCESSED = /processed (\d+) insns \(limit \d+\)/;
const CHANGED = /\s+;((?: frame\d+:)? (?:R\d+|fp-\d+)(?:_\w+)?=.*)$/;
/** What belongs to how the verifier works, not to why it refused. */
const NOISE =
  /^(?:verification time |stack depth |mark_precise: |last_idx |regs=|parent (?:state|didn't have|already had)|propagating |func#\d+ @|Func#\d+ |Validating |\d+: safe$|caller:|callee:|returning from |to caller at |cur state:|frame\d+: (?:R\d|propagating|regs)|R\d+(?:_\w+)?=|Live regs before insn:|subprog#|numa_node|The maximum depth |live regs|\s*$)/;
const DIAGNOSIS = /^Verification failed: (.*)$/;

/** Reads a log; several programs' one after the other, as libbpf prints them. Never throws. */
export function parseLogs(text: string): readonly VerifierLog[] {
  const logs: VerifierLog[] = [];
  const isLong = text.length > MAX_TEXT;
  let reader = new LogReader(isLong);
  let outside = false;
  const next = () => {
    if (!reader.isEmpty) logs.push(reader.log());
    reader = new LogReader(false);
  };
  for (const raw of lines(isLong ? text.slice(-MAX_TEXT) : text)) {
    if (BEGIN.test(raw)) {
      // What libbpf says before it is not of the log either.
      if (reader.isDone || reader.hasSteps) next();
      reader = new LogReader(false);
      outside = false;
      reader.program = /prog '([^']*)'/.exec(raw)?.[1];
    } else if (END.test(raw)) {
      outside = true; // what libbpf says after it is not of the log
    } else if (!outside) {
      // Without a frame around it, a log begins where another one has ended.
      if (reader.isDone && reader.program === undefined && isBeginning(raw)) next();
      reader.take(withoutPrefixes(raw));
    }
  }
  next();
  return logs;
}

function isBeginning(raw: string): boolean {
  const line = withoutPrefixes(raw);
  return INSN.test(line) || STATE.test(line) || /^func#0 @0/.test(line);
}

function withoutPrefixes(raw: string): string {
  return PREFIXES.reduce((line, prefix) => line.replace(prefix, ''), raw);
}

function* lines(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    yield text.slice(at, Math.min(end, at + MAX_LINE)).trimEnd();
    at = end + 1;
  }
}

class LogReader {
  program: string | undefined;
  readonly #steps: Step[] = [];
  readonly #sources = new Map<number, SourceLine>();
  #remarks: string[] = [];
  #source: SourceLine | undefined;
  /** The line of C was shown for the next instruction. */
  #isFresh = false;
  #before: string | undefined;
  #from: number | undefined;
  #diagnosis: string | undefined;
  #processed: number | undefined;
  #isCut: boolean;

  constructor(isCut: boolean) {
    this.#isCut = isCut;
  }

  /** The last line of a log was read. */
  get isDone(): boolean {
    return this.#processed !== undefined;
  }

  get hasSteps(): boolean {
    return this.#steps.length > 0;
  }

  get isEmpty(): boolean {
    return this.#steps.length === 0 && this.#remarks.length === 0 && !this.isDone && this.#diagnosis === undefined;
  }

  log(): VerifierLog {
    const { program } = this;
    const isCut = this.#isCut || (this.#steps[0]?.insn ?? 0) !== 0;
    return {
      program,
      steps: this.#steps,
      remarks: this.#remarks,
      diagnosis: this.#diagnosis,
      processed: this.#processed,
      isCut,
    };
  }

  take(whole: string): void {
    if (this.isDone) return;
    const figures = PROCESSED.exec(whole);
    if (figures !== null) this.#processed = Number(figures[1]);
    // The last words need not end in a newline.
    const line = figures === null ? whole : whole.slice(0, figures.index);
    if (this.#diagnosis !== undefined) return; // until the figures
    if (!this.#takeInsn(line) && !this.#takeState(line)) this.#takeRemark(line);
  }

  #takeInsn(line: string): boolean {
    const [, number, opcode = '', rest = ''] = INSN.exec(line) ?? [];
    if (number === undefined) return false;
    const insn = Number(number);
    const changed = CHANGED.exec(rest);
    const [text = '', remark] = splitRemark(changed === null ? rest : rest.slice(0, changed.index));
    // At level 1 the jump that the path branched off from may be missing, and with it the line of C.
    if (!this.#isFresh && this.#skips(insn)) this.#source = undefined;
    this.#isFresh = false;
    this.#source ??= this.#sources.get(insn);
    if (this.#source !== undefined) this.#sources.set(insn, this.#source);
    this.#steps.push({
      insn,
      opcode: Number.parseInt(opcode, 16),
      text: text.trim(),
      source: this.#source,
      before: this.#before,
      after: changed?.[1],
      from: this.#from,
    });
    this.#before = undefined;
    this.#from = undefined;
    this.#remarks = remark === undefined ? [] : [remark];
    return true;
  }

  /** Whether the instruction cannot follow the last one. */
  #skips(insn: number): boolean {
    const last = this.#steps.at(-1);
    return last !== undefined && (insn < last.insn || insn > last.insn + 2) && !leads(last.text);
  }

  /** Lines that say what is known, or where it is in C. */
  #takeState(line: string): boolean {
    const state = STATE.exec(line)?.[1];
    if (state !== undefined) {
      this.#before = state;
      return true;
    }
    const [, from, , beginning] = FROM.exec(line) ?? [];
    if (from !== undefined) {
      if (beginning === ' safe') return true;
      this.#from = Number(from);
      this.#before = beginning;
      this.#source = undefined;
      return true;
    }
    const comment = SOURCE.exec(line)?.[1];
    if (comment === undefined) return false;
    const [, text, file, number] = PLACE.exec(comment) ?? [];
    this.#source = text === undefined ? { text: comment } : { text, file, line: Number(number) };
    this.#isFresh = true;
    return true;
  }

  #takeRemark(line: string): void {
    const diagnosis = DIAGNOSIS.exec(line)?.[1];
    if (diagnosis !== undefined) this.#diagnosis = diagnosis;
    else if (!NOISE.test(line) && this.#remarks.length < MAX_REMARKS) this.#remarks.push(line.trim());
  }
}

/** Whether an instruction may lead elsewhere than to the next one. */
export function leads(text: string): boolean {
  return /goto|^call |^exit$/.test(text);
}

/** Some kernels write the reason behind the instruction, on its line. */
function splitRemark(text: string): [string, string?] {
  const at = text.indexOf('BPF program is too large');
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at)];
}
