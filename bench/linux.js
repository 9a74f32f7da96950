/**
 * The Linux kernel through this library and through libbpf: `npm run bench -- linux`. Both do the same work, in turns, so that what else the machine does
 * meets both. Shown is processor time, of all threads: medians, and the median of the ratios of neighbours. Works on dist/, in a network namespace of its own. Without root, gcc or libbpf it
 * says so and leaves out what needs them.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const root = resolve(import.meta.dirname, '..');
const EVENTS = join(root, 'test/objects/events.o');
const DEVICE = 'bench0';
/** Times that each is done, in turns, after one that does not count. */
const ROUNDS = 15;

// biome-ignore format: aligned table
/** What is measured: how often in one round, bytes of one. */
const OPERATIONS = [
  { name: 'lookup', count: 100_000,   what: 'lookup in a hash' },
  { name: 'update', count: 100_000,   what: 'update of a hash' },
  { name: 'dump',   count: 1_000_000, what: 'entry of a hash of 1,000,000, in batches' },
  { name: 'ring',   count: 200_000,   what: 'event of 64 bytes from a ring buffer', each: 0.9, bytes: 64 },
  { name: 'attach', count: 200,       what: 'filter attached and detached' },
  { name: 'load',   count: 1000,      what: 'program loaded' },
];

if (process.env.SKEP_BENCH === undefined) inNamespace();
else await main();

/** Once more, in a network namespace that ends with it. */
function inNamespace() {
  const words = ['--net', process.execPath, process.argv[1], ...process.argv.slice(2)];
  const { status, error } = spawnSync('unshare', words, { stdio: 'inherit', env: { ...process.env, SKEP_BENCH: '1' } });
  if (error !== undefined || status === 1) console.log('linux is left out: a namespace and bpf(2) need root');
  process.exit(status ?? 0);
}

async function main() {
  const only = process.argv.slice(2);
  const ours = await import('./linux-skep.js').then(({ setUp }) => setUp(EVENTS, DEVICE));
  const folder = mkdtempSync(join(tmpdir(), 'skep-bench-'));
  try {
    const theirs = startC(folder);
    console.log(
      `${cpus().length} CPUs, load ${loadavg()
        .map((n) => n.toFixed(1))
        .join(' ')}, Node ${process.version}`,
    );
    for (const operation of OPERATIONS.filter(({ name }) => only.length === 0 || only.includes(name)))
      console.log(await measure(operation, ours, theirs));
    console.log(`load ${loadavg()[0].toFixed(1)}`);
    theirs?.end();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure({ name, count, what, each = 1, bytes = 0 }, ours, theirs) {
  const [mine, other] = [[], []];
  for (let round = 0; round <= ROUNDS; round++) {
    mine.push(ours[name](count));
    if (theirs !== undefined) other.push(await theirs.run(name, count));
  }
  const perUnit = median(mine.slice(1)) / (count * each);
  const rate = bytes === 0 ? '' : `, ${(1e3 / perUnit).toFixed(1)} M/s, ${((bytes * 1e3) / perUnit).toFixed(0)} MB/s`;
  const line = `${what}: ${duration(perUnit)}${rate}`;
  if (theirs === undefined) return line;
  const ratios = mine.slice(1).map((time, i) => time / other[i + 1]);
  return `${line}; C ${duration(median(other.slice(1)) / (count * each))}; ${median(ratios).toFixed(2)} times C`;
}

function duration(ns) {
  return ns < 10_000 ? `${ns.toFixed(0)} ns` : `${(ns / 1000).toFixed(1)} µs`;
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

/** The C side, compiled and set up; `undefined` where it cannot be. */
function startC(folder) {
  const program = join(folder, 'linux');
  const made = spawnSync('gcc', ['-O2', join(root, 'bench/linux.c'), '-o', program, '-lbpf'], { encoding: 'utf8' });
  if (made.status !== 0) {
    console.log(`C is left out: ${made.error?.message ?? made.stderr.split('\n')[0]}`);
    return undefined;
  }
  const child = spawn(program, [EVENTS, DEVICE], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async run(name, count) {
      child.stdin.write(`${name} ${count}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the C side has ended');
      return Number(value);
    },
    end: () => child.stdin.end(),
  };
}
