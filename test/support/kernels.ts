import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { SLOW } from './slow.ts';

/** Bytes that a command may say. */
const MAX_OUTPUT = 1 << 26;

/** The repository. */
export const root = resolve(import.meta.dirname, '../..');

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A kernel of a test's own, worked with as a user does: by commands. They have a process together (command-loop.js), since starting one takes longer than a command. */
export interface CommandKernel extends AsyncDisposable {
  readonly name: 'embedded' | 'linux';
  /** Runs `skep WORDS`. */
  skep(...words: readonly string[]): Ran;
  /** As {@link CommandKernel.skep}; throws if it fails. Returns standard output. */
  ok(...words: readonly string[]): string;
  /** Starts `skep WORDS` and lets it run; resolves with its exit code. The child is there to be killed. */
  start(...words: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<number | null> };
}

/** An embedded kernel behind a socket in a temporary directory. */
export async function startEmbedded(): Promise<CommandKernel & { readonly socket: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'skep-test-'));
  const socket = join(directory, 'kernel.sock');
  const server = spawn(process.execPath, [join(root, 'bin/skep'), 'serve', '--socket', socket], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await said(server, 'serving');
  const kernel = await commandKernel('embedded', [], ['--kernel', socket], async () => {
    await ended(server);
    rmSync(directory, { recursive: true, force: true });
  });
  return { ...kernel, socket };
}

/** What a namespace needs before it is a kernel of our own: bpffs, tracefs, and no packets that nobody sent. */
const SETUP = [
  'mount -t bpf bpf /sys/fs/bpf',
  '{ mount -t tracefs tracefs /sys/kernel/tracing || true; }',
  'for f in all default; do echo 1 > /proc/sys/net/ipv6/conf/$f/disable_ipv6; done',
  'echo ready >&2',
  'exec sleep 600',
].join(' && ');

/** The running kernel, in a network and a mount namespace that end with this object. */
export async function startLinux(): Promise<CommandKernel> {
  const holder = spawn('unshare', ['--net', '--mount', '--propagation', 'private', 'sh', '-c', SETUP], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await said(holder, 'ready');
  // Entering a mount namespace leads to its root directory, and back.
  const back = ['sh', '-c', 'cd "$0" && exec "$@"', root];
  const enter = ['nsenter', '-t', String(holder.pid), '--net', '--mount', ...back];
  return commandKernel('linux', enter, ['--kernel', 'linux'], () => ended(holder));
}

/** Why the Linux half of a test cannot run here; `undefined` if it can. */
export function linuxMissing(): string | undefined {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'bpf(2) and namespaces need root';
  const probe = spawnSync(
    'unshare',
    ['--net', '--mount', '--propagation', 'private', 'sh', '-c', 'mount -t bpf bpf /sys/fs/bpf'],
    {
      encoding: 'utf8',
    },
  );
  if (probe.error !== undefined) return `unshare cannot be run: ${probe.error.message}`;
  return probe.status === 0 ? undefined : `no namespace with a bpffs of its own: ${probe.stderr.trim()}`;
}

/** The kernels that a test of commands runs on; says in one line which one is skipped. */
export function commandKernels(): (() => Promise<CommandKernel>)[] {
  const missing = linuxMissing();
  if (missing === undefined) return [startEmbedded, startLinux];
  console.log(`skipped on linux: ${missing}`);
  return [startEmbedded];
}

/** `enter`: the command that leads to where the kernel is. `options`: those of `skep`. */
async function commandKernel(
  name: CommandKernel['name'],
  enter: readonly string[],
  options: readonly string[],
  dispose: () => Promise<void>,
): Promise<CommandKernel> {
  const line = (script: string, ...words: readonly string[]) => {
    const [command = '', ...args] = [...enter, process.execPath, join(root, script), ...words];
    return { command, args };
  };
  const run = (command: string, args: readonly string[], input = ''): Ran => {
    const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
      cwd: root,
      encoding: 'utf8',
      timeout: 60_000 * SLOW,
      maxBuffer: MAX_OUTPUT,
      input,
    });
    if (error !== undefined) throw error;
    if (status === null) throw new Error(`${command} ${args.join(' ')} was ended by ${signal}`);
    return { status, stdout, stderr };
  };
  const directory = mkdtempSync(join(tmpdir(), 'skep-loop-'));
  const [requests, replies] = ['requests', 'replies'].map((fifo) => join(directory, fifo)) as [string, string]; // two, of two
  run('mkfifo', [requests, replies]);
  const loop = line('test/support/command-loop.js', requests, replies, ...options);
  const child = spawn(loop.command, loop.args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
  await said(child, 'ready');
  const skep = (...words: readonly string[]): Ran => {
    // What these start has the output of the process for its own.
    if (words.includes('exec')) {
      const { command, args } = line('bin/skep', ...options, ...words);
      return run(command, args);
    }
    const { stdout, stderr } = run('sh', ['-c', 'cat > "$0" && cat "$1"', requests, replies], JSON.stringify(words));
    if (stdout === '') throw new Error(`skep ${words.join(' ')} brought the loop of commands to its end: ${stderr}`);
    return JSON.parse(stdout);
  };
  return {
    name,
    skep,
    start(...words) {
      const { command, args } = line('bin/skep', ...options, ...words);
      const started = spawn(command, args, { cwd: root, stdio: 'ignore' });
      return { child: started, ended: new Promise((resolve) => started.once('exit', resolve)) };
    },
    ok(...words) {
      const ran = skep(...words);
      if (ran.status !== 0)
        throw new Error(`skep ${words.join(' ')} on ${name}: exit ${ran.status}\n${ran.stderr}${ran.stdout}`);
      return ran.stdout;
    },
    async [Symbol.asyncDispose]() {
      await ended(child, 'SIGKILL');
      rmSync(directory, { recursive: true, force: true });
      await dispose();
    },
  };
}

/** Resolves when the child has written `word` to standard error. */
function said(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(word)) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it said '${word}': ${text}`)));
  });
}

/** Ends a child that this test started. */
function ended(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.kill(signal);
  });
}
