#!/usr/bin/env node
/** `npm run bench [-- linux [OPERATION…] | server [SECONDS] | jit [--json] [PROGRAM…] | cpus [PROGRAM…] | packets [drops] [passes] | verifier [NAME…] | FILTER…]`: the Linux engine beside C, the background kernel, compiled programs, those on several CPUs, frames by each of the ways there are, the verifier beside Linux's, or all others by vitest. */
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const [which, ...words] = process.argv.slice(2);
const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'bench', '--run', '--maxWorkers=1'];
const own = ['linux', 'server', 'jit', 'cpus', 'packets', 'verifier'].includes(which);
const line = own ? [join(root, `bench/${which}.js`), ...words] : [...vitest, ...process.argv.slice(2)];
process.exit(spawnSync(process.execPath, line, { stdio: 'inherit', cwd: root }).status ?? 1);
