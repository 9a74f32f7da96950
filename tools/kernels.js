#!/usr/bin/env node
/**
 * `npm run test:kernels [-- [--flows] [-t PATTERN] KERNEL…]`: the tests of the running kernel (of a name) under other kernels, each in a virtual machine, one after the
 * other. The flows are hundreds of commands, which take an emulated processor very long: they are run if asked for.
 *
 * The machines are made by a program that the repository does not have: KERNEL_LAB names it, else it is ../shared/tools/kernel-lab.sh if that is there.
 * It is called as `PROGRAM -s CPUS -t SECONDS -C DIRECTORY -e NAME=VALUE KERNEL COMMAND` and runs COMMAND, a line of bash, as root under KERNEL: with CPUS
 * processors, at most SECONDS long, in DIRECTORY, with that variable set; on this machine's files, where what is written does not last. It hands
 * through standard output, standard error and the exit status; 124: the time is over, 125: there is no such machine.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleTests } from './bundle-tests.js';

const root = resolve(import.meta.dirname, '..');
const lab = process.env.KERNEL_LAB ?? join(root, '../shared/tools/kernel-lab.sh');
/** The oldest that is tested, those of two long-lived series, and the newest. */
const KERNELS = ['bullseye', '6.1', '6.12', 'trixie-backports'];
/** An emulated processor takes so many times as long. */
const SLOW = 8;
const SECONDS = 7200;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { flows: { type: 'boolean' }, pattern: { type: 'string', short: 't' } },
});
const TESTS = [
  'test/netns-even.test.js',
  'test/netns-odd.test.js',
  'src/engine/linux',
  ...(values.flows ? ['test/flows'] : []),
];
const VITEST = 'node node_modules/vitest/vitest.mjs run --no-color --configLoader native --config vitest.config.js';

if (!existsSync(lab)) {
  console.log(`skipped: there is no ${lab} to run other kernels with; KERNEL_LAB names one`);
  process.exit(0);
}
execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
const built = await bundleTests();
const kernels = positionals.length > 0 ? positionals : KERNELS;
const failed = kernels.filter((kernel) => !passes(kernel));
console.log(failed.length === 0 ? `all pass: ${kernels.join(', ')}` : `failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);

function passes(kernel) {
  const started = Date.now();
  console.log(`== ${kernel}`);
  const environment = ['-e', `SKEP_TEST_SLOW=${SLOW}`, '-e', `SKEP_TEST_BUILT=${built}`, '-e', 'PATTERN'];
  const options = ['-s', '2', '-t', String(SECONDS), '-C', root, ...environment];
  // A kernel that hangs shall end.
  const command = `uname -r; echo 1 >/proc/sys/kernel/softlockup_panic; ${VITEST} --root "$SKEP_TEST_BUILT" ${TESTS.join(' ')} -t "$PATTERN"`;
  const { status, error } = spawnSync(lab, [...options, kernel, command], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATTERN: values.pattern ?? '' },
  });
  if (error !== undefined) throw error;
  console.log(
    `== ${kernel}: ${status === 0 ? 'passed' : `exit ${status}`} in ${Math.round((Date.now() - started) / 1000)} s`,
  );
  return status === 0;
}
