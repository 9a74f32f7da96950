/**
 * One XDP program on 1024 frames, by one virtual CPU and by two on the same memory: `npm run bench -- cpus [PROGRAM…]`. Beside them two threads with a kernel each, which share nothing: more than
 * those do together, two processors of this machine cannot do (two of a virtual machine may be one core). Time of a frame, by the rates of all that work at once, and how many times the frames of one CPU. Works on dist/.
 */
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createEmbeddedKernel } from '../dist/engine/embedded/index.js';
import { load, openObject } from '../dist/index.js';
import { FRAME } from './jit-programs.js';

const ROUNDS = 9;
/** Milliseconds of a measurement. */
const ROUND = 60;
const FRAMES = 1024;
const SOURCE_PORT = 34;

const folder = resolve(import.meta.dirname, 'programs');
// biome-ignore format: aligned table
/** `shared`: all CPUs write to the same bytes, as on any computer. */
const PROGRAMS = [
  { name: 'parser', file: 'parser.o' }, { name: 'hash_lookup', file: 'frames/hash_lookup.o' }, { name: 'hash_update', file: 'frames/hash_update.o' },
  { name: 'lru', file: 'frames/lru.o' }, { name: 'lb', file: 'frames/lb.o' }, { name: 'firewall', file: 'frames/firewall.o' },
  { name: 'array_atomic', file: 'array_atomic.o', shared: true },
];

const frames = Array.from({ length: FRAMES }, (_, i) => {
  const frame = FRAME.slice();
  frame.set([(1024 + i) >> 8, (1024 + i) & 0xff], SOURCE_PORT);
  return frame;
});

if (isMainThread) await main();
else alone();

async function main() {
  const names = process.argv.slice(2);
  const chosen = PROGRAMS.filter(({ name }) => names.length === 0 || names.includes(name));
  console.log(
    `${cpus().length} processors, load ${loadavg()
      .map((n) => n.toFixed(1))
      .join(' ')}, Node ${process.version}`,
  );
  console.log(row(['ns for one frame', 'one', 'two', 'apart', 'two/one', 'apart/one', 'of what can be']));
  for (const program of chosen) {
    const one = open(program, 1);
    const two = open(program, 2);
    const apart = [
      new Worker(new URL(import.meta.url), { workerData: program }),
      new Worker(new URL(import.meta.url), { workerData: program }),
    ];
    const times = { one: [], two: [], apart: [] };
    for (let round = 0; round < ROUNDS; round++) {
      times.one.push(one());
      times.two.push(two());
      times.apart.push(await together(apart));
    }
    for (const worker of apart) await worker.terminate();
    const gain = median(times.one.map((time, i) => time / times.two[i]));
    const most = median(times.one.map((time, i) => time / times.apart[i]));
    const figures = [median(times.one), median(times.two), median(times.apart)].map((ns) => ns.toFixed(1));
    console.log(
      row([
        program.name,
        ...figures,
        gain.toFixed(2),
        most.toFixed(2),
        `${Math.round((100 * gain) / most)} %${program.shared ? ', all write to the same' : ''}`,
      ]),
    );
  }
}

/** Measures once: nanoseconds for one frame. */
function open({ file }, count) {
  const { kernel, lab } = createEmbeddedKernel({ cpus: 2 });
  const loaded = load(kernel, openObject(readFileSync(join(folder, file)), { file }));
  const batch = lab.batch(kernel, Object.values(loaded.programs)[0].fd, frames, { cpus: count });
  // What all do in a nanosecond: a processor of a virtual machine is often slower than the other for a while, and its frames are its own.
  const perFrame = (repeat) =>
    1 / batch.run(repeat).cpus.reduce((sum, cpu) => sum + (repeat * cpu.frames) / cpu.durationNs, 0);
  for (let i = 0; i < 5; i++) perFrame(200);
  const repeat = Math.max(1, Math.round((ROUND * 1e6) / FRAMES / perFrame(200)));
  return () => perFrame(repeat);
}

/** Nanoseconds for one frame of all that both do at the same time. */
async function together(workers) {
  const answers = workers.map((worker) => new Promise((done) => worker.once('message', done)));
  for (const worker of workers) worker.postMessage('go');
  const rates = (await Promise.all(answers)).map((ns) => 1 / ns);
  return 1 / rates.reduce((sum, rate) => sum + rate);
}

function alone() {
  const measure = open(workerData, 1);
  parentPort.on('message', () => parentPort.postMessage(measure()));
}

function row([name, ...figures]) {
  return name.padEnd(18) + figures.map((figure) => figure.padStart(12)).join('');
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
