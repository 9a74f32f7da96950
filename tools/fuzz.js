#!/usr/bin/env node
/**
 * `npm run fuzz -- KIND [--seconds N] [--seed S]`: random sequences of calls, or programs, on both kernels, in namespaces of their own, for N seconds (60); see
 * test/differential/differential.netns.ts. A difference is printed as the shortest sequence that shows it. Needs root.
 */
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const KINDS = ['maps', 'objects', 'verifier', 'mutants', 'xlated', 'jit', 'arenas', 'calls'];
const root = resolve(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
const [kind] = positionals;
if (
  !KINDS.includes(kind) ||
  positionals.length > 1 ||
  !(Number(values.seconds) > 0) ||
  !Number.isInteger(Number(values.seed))
) {
  console.error(`usage: npm run fuzz -- ${KINDS.join('|')} [--seconds N] [--seed S]`);
  process.exit(1);
}
console.log(`seed ${values.seed}`);
const vitest = [
  process.execPath,
  join(root, 'node_modules/vitest/vitest.mjs'),
  'run',
  '--config',
  'test/support/netns.config.ts',
];
const inside = [
  'sh',
  '-c',
  'mount -t bpf bpf /sys/fs/bpf && exec "$@"',
  'sh',
  ...vitest,
  'test/differential/differential.netns.ts',
];
const env = { SKEP_FUZZ_SECONDS: values.seconds, SKEP_FUZZ_SEED: values.seed, SKEP_FUZZ_ONLY: kind };
const { status } = spawnSync('unshare', ['--net', '--mount', '--propagation', 'private', ...inside], {
  stdio: 'inherit',
  cwd: root,
  env: { ...process.env, ...env },
});
process.exit(status ?? 1);
