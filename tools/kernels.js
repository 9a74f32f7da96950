#!/usr/bin/env node
/**
 * `npm run test:kernels [-- [--flows] KERNEL…]`: the tests of the running kernel under other kernels, each in a virtual machine, one after the other. The flows are hundreds
 * of commands, which take an emulated processor very long: they are run if asked for.
 *
 * The machines are made by a program that the repository does not have: KERNEL_LAB names it, else it is ../shared/tools/kernel-lab.sh if that is there.
 * It is called as `PROGRAM -s CPUS -t SECONDS -C DIRECTORY -e NAME=VALUE KERNEL COMMAND` and runs COMMAND, a line of bash, as root under KERNEL: with CPUS
 * processors, at most SECONDS long, in DIRECTORY, with that variable set; on this machine's files, where what is written does not last. It hands
 * through standard output, standard error and the exit status; 124: the time is over, 125: there is no such machine.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const lab = process.env.KERNEL_LAB ?? join(root, '../shared/tools/kernel-lab.sh');
/** The oldest that is tested, those of two long-lived series, and the newest. */
const KERNELS = ['bullseye', '6.1', '6.12', 'trixie-backports'];
/** An emulated processor takes so many times as long. */
const SLOW = 8;
const SECONDS = 7200;
const words = process.argv.slice(2);
const TESTS = [
  'test/netns-even.test.ts',
  'test/netns-odd.test.ts',
  'src/engine/linux',
  ...(words.includes('--flows') ? ['test/flows'] : []),
];
const COMMAND = `uname -r && node node_modules/vitest/vitest.mjs run --no-color ${TESTS.join(' ')}`;

if (!existsSync(lab)) {
  console.log(`skipped: there is no ${lab} to run other kernels with; KERNEL_LAB names one`);
  process.exit(0);
}
const asked = words.filter((word) => word !== '--flows');
const kernels = asked.length > 0 ? asked : KERNELS;
const failed = kernels.filter((kernel) => !passes(kernel));
console.log(failed.length === 0 ? `all pass: ${kernels.join(', ')}` : `failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);

function passes(kernel) {
  const started = Date.now();
  console.log(`== ${kernel}`);
  const options = ['-s', '2', '-t', String(SECONDS), '-C', root, '-e', `SKEP_TEST_SLOW=${SLOW}`];
  const { status, error } = spawnSync(lab, [...options, kernel, COMMAND], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined) throw error;
  console.log(
    `== ${kernel}: ${status === 0 ? 'passed' : `exit ${status}`} in ${Math.round((Date.now() - started) / 1000)} s`,
  );
  return status === 0;
}
