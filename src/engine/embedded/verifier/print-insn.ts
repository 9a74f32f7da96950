import { formatInsn } from '../../../isa/index.ts';
import type { Env } from './env.ts';
import { printFrame } from './print-state.ts';
import type { LineInfo } from './program.ts';

/** The column of what an instruction changed. */
const COLUMN = 40;
const TAB = 8;
/** Where maps are, as it seems: addresses of Linux are as long. */
const ADDRESSES = 0xffff_8880_0000_0000n;

/** Writes the lines of instructions, as Linux has them. */
export class InsnPrinter {
  readonly #env: Env;
  /** Where the last instruction's line ends, and how long it is. */
  #end = 0;
  #width = 0;
  #line: LineInfo | undefined;
  // Loops come to the same again and again.
  readonly #insns: string[] = [];
  readonly #lines = new Map<LineInfo, string>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** The line of an instruction; before it, what the one before it touched. */
  print(): void {
    const env = this.#env;
    const { log, insn: index } = env;
    if (log.followsAll && env.pathBegins) {
      log.line(`\nfrom ${env.previousInsn} to ${index}:${printFrame(env.state, env.frame)}`);
      env.pathBegins = false;
    }
    if (!log.follows) return;
    if (log.isTouched) this.printTouched();
    const source = env.lineAt(index);
    if (source !== undefined && source !== this.#line) {
      const last = this.#line;
      if (source.fileName !== last?.fileName || source.lineNumber !== last.lineNumber)
        log.line(this.#sourceText(source));
      this.#line = source;
    }
    const begin = log.length;
    let text = this.#insns[index];
    if (text === undefined) {
      text = `${index}: ${insnText(env, index)}`;
      this.#insns[index] = text;
    }
    log.line(text);
    this.#width = log.length - begin;
    this.#end = log.length;
  }

  #sourceText(source: LineInfo): string {
    let text = this.#lines.get(source);
    if (text === undefined) {
      text = sourceText(this.#env, source);
      this.#lines.set(source, text);
    }
    return text;
  }

  /** What was touched since: behind the instruction, if nothing was written since. */
  printTouched(): void {
    const env = this.#env;
    const { log } = env;
    if (this.#end !== 0 && this.#end === log.length) {
      log.cut(this.#end - 1);
      log.write(`${' '.repeat(columnOf(this.#width) - this.#width - 1)};`);
    } else log.write(`${env.insn}:`);
    log.line(printFrame(env.state, env.frame, log.takeTouched()));
  }
}

/** The line of the source, and where it is: the last part of the file's name. */
function sourceText({ program: { btf } }: Env, { line, fileName, lineNumber }: LineInfo): string {
  const path = btf?.string(fileName) ?? '';
  return `; ${btf?.string(line).trimStart()} @ ${path.slice(path.lastIndexOf('/') + 1)}:${lineNumber}`;
}

function columnOf(width: number): number {
  return Math.ceil(Math.max(width + TAB / 2, COLUMN) / TAB) * TAB;
}

/** An instruction in the log: functions of the kernel have names there, and maps addresses. */
export function insnText(env: Env, index: number): string {
  return formatInsn(env.insnAt(index), env.insns[index + 1], {
    call: ({ imm }) => {
      const kfunc = env.kfuncs.get(index);
      return kfunc && `${kfunc.name}#${imm}`;
    },
    immediate: (_, value) => (env.program.maps.has(index) ? `0x${(ADDRESSES | value).toString(16)}` : undefined),
  });
}

/** At level 2: the functions, before anything is known of them. */
export function printSubprogs(env: Env): void {
  for (const [i, { start }] of env.subprogs.entries()) env.log.detail(() => `func#${i} @${start}`);
}

/** At level 2: the program, each instruction with its loop and with the registers that may be read from there on. */
export function printLiveRegs(env: Env): void {
  const { log } = env;
  if (!log.followsAll) return;
  log.line('Live regs before insn:');
  for (const [i, insn] of env.insns.entries()) {
    if (insn.opcode === 0) continue;
    const { [i]: scc = 0 } = env.facts.scc;
    const { [i]: liveRegs = 0 } = env.facts.liveRegs;
    const loop = scc === 0 ? '' : `${scc}`;
    const regs = Array.from({ length: 10 }, (_, reg) => ((liveRegs & (1 << reg)) === 0 ? '.' : reg)).join('');
    log.line(`${loop.padStart(3)} ${`${i}`.padStart(3)}: ${regs} ${insnText(env, i)}`);
  }
}
