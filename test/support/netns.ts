import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BUILT } from './built.ts';
import { linuxMissing, type Ran, root } from './kernels.ts';
import { SLOW } from './slow.ts';

/**
 * A network and a mount namespace with their own bpffs and tracefs, without packets that nobody sent, until the command ends. Nothing done inside
 * to devices, filters, pins and mounts is seen outside or outlives it.
 */
const ENTER = [
  'mount -t bpf bpf /sys/fs/bpf',
  '{ mount -t tracefs tracefs /sys/kernel/tracing || true; }',
  '{ for f in all default; do echo 1 > /proc/sys/net/ipv6/conf/$f/disable_ipv6; done 2>/dev/null || true; }',
  'exec "$@"',
].join(' && ');

/** Runs a command in such namespaces, as a child. Where {@link linuxMissing} gives a reason it cannot work: ask first. */
export function runInNamespace(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Ran {
  const words = ['--net', '--mount', '--propagation', 'private', 'sh', '-c', ENTER, 'sh', command, ...args];
  const { status, signal, stdout, stderr, error } = spawnSync('unshare', words, {
    cwd: root,
    encoding: 'utf8',
    timeout: 180_000 * SLOW,
    env: { ...process.env, ...environment, NO_COLOR: '1' },
  });
  if (error !== undefined) throw error;
  if (status === null) throw new Error(`${command} in a namespace was ended by ${signal}`);
  return { status, stdout, stderr };
}

/** Files of tests that only make sense inside: `x.netns.ts`, which vitest runs there by a configuration of their own. */
export function namespaceTests(): string[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.netns.ts'))
    .map((file) => `test/${file}`)
    .sort();
}

/** Runs such files with vitest in one namespace. `built`: where they are as JavaScript, if they are. */
export function runNamespaceTests(files: readonly string[], built = BUILT): Ran {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const words = ['run', '--config', 'test/support/netns.config.ts', ...files];
  if (built === undefined) return runInNamespace(process.execPath, [vitest, ...words]);
  const names = words.map((word) => word.replace(/\.ts$/, '.js'));
  const environment = { SKEP_TEST_BUILT: built };
  return runInNamespace(process.execPath, [vitest, ...names, '--configLoader', 'native', '--root', built], environment);
}

export { linuxMissing as namespaceMissing };
