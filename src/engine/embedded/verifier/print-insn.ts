import { formatInsn, type Insn } from '../../../isa/index.ts';
import type { Env } from './env.ts';
import { printFrame } from './print-state.ts';

/** The line of an instruction in the log, with what the one before it changed. */
export function printInsn(env: Env, insn: Insn): void {
  const { log, insn: index } = env;
  if (env.pathBegins) {
    log.line(
      index === 0 && env.previousInsn < 0
        ? `0:${printFrame(env, env.frame)}`
        : `\nfrom ${env.previousInsn} to ${index}:${printFrame(env, env.frame)}`,
    );
    env.pathBegins = false;
  }
  log.touchedRegs = 0;
  log.touchedSlots = 0n;
  const source = env.lineAt(index);
  if (source !== undefined) log.line(`; ${source.line.trim()} @ ${source.file}:${source.lineNumber}`);
  log.line(`${index}: ${formatInsn(insn, env.insns[index + 1])}`);
}
