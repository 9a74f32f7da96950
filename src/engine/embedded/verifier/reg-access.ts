import type { Env } from './env.ts';
import type { Reg } from './reg.ts';

/** The instruction reads a register. */
export function readReg(env: Env, regno: number): Reg {
  if (regno > 10) env.fail('EINVAL', `R${regno} is invalid`);
  env.log.touchReg(regno);
  const reg = env.reg(regno);
  if (reg.kind === 'not_init') env.fail('EACCES', `R${regno} !read_ok`);
  return reg;
}

/** The instruction writes a register. */
export function writeReg(env: Env, regno: number): void {
  env.log.touchReg(regno);
  if (regno === 10) env.fail('EACCES', 'frame pointer is read only');
}
