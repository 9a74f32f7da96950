/**
 * The compiler of the embedded kernel beside its interpreter and, where bpf(2) is allowed, the one of Linux: `npm run bench -- jit [--json] [PROGRAM…]`. Each program of
 * programs/ runs on all of them, in turns and in an order that changes, so that what else the machine does meets all. Shown is processor time for one run, and the median of the ratios of
 * neighbours. What a program returns and leaves in maps is compared before: a difference ends it. Works on dist/.
 */
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { createEmbeddedKernel } from '../dist/engine/embedded/index.js';
import { load } from '../dist/index.js';
import { compileCosts } from './jit-compile.js';
import { Bench, FIRST_15, FRAME, openKernels, PROGRAMS, readProgram } from './jit-programs.js';

/** Times that each is measured, and for how long. Nanoseconds. */
const ROUNDS = 13;
const ROUND = 40e6;
/** Until V8 has put its fastest code in place. */
const WARM_UP = 100e6;
/** Runs after which what they did is compared. */
const COMPARED = 5000;
/** Calls of `run` for the figure of one packet. */
const CALLS = 20_000;

const words = process.argv.slice(2);
const json = words.includes('--json');
const names = words.filter((word) => word !== '--json');
const unknown = names.filter((name) => !PROGRAMS.some((program) => program.name === name));
if (unknown.length > 0) {
  console.error(`there is no program ${unknown.join(', ')}; there are ${PROGRAMS.map(({ name }) => name).join(', ')}`);
  process.exit(1);
}
const chosen = PROGRAMS.filter(({ name }) => names.length === 0 || names.includes(name));
const say = json ? () => {} : console.log;
main();

function main() {
  const kernels = openKernels();
  const machine = {
    cpus: cpus().length,
    node: process.version,
    v8: process.versions.v8,
    linuxJit: 'linux' in kernels && setting('/proc/sys/net/core/bpf_jit_enable') !== '0',
    load: loadavg().map((n) => Number(n.toFixed(1))),
  };
  say(`${machine.cpus} CPUs, load ${machine.load.join(' ')}, Node ${machine.node} (V8 ${machine.v8})`);
  if ('linux' in kernels && !machine.linuxJit) say('net.core.bpf_jit_enable is 0: linux interprets');
  say(heading(kernels));
  const programs = chosen.map((program) => {
    const figures = measure(program, kernels);
    say(row(figures));
    return figures;
  });
  const means = { first15: meansOf(programs, FIRST_15), all: meansOf(programs, PROGRAMS) };
  for (const [what, mean] of Object.entries(means)) say(row({ name: `mean, ${what}`, ns: {}, ratios: mean }));
  const packet = onePacket(kernels);
  const compile = compileCosts();
  if (json) console.log(JSON.stringify({ ...machine, rounds: ROUNDS, programs, means, packet, compile }, undefined, 2));
  else tell(packet, compile);
}

function measure(program, kernels) {
  compareOutcomes(program, kernels);
  const benches = Object.entries(kernels).map(([name, kernel]) => warm(name, new Bench(kernel(), program)));
  const times = Object.fromEntries(benches.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const { name, bench, count } of shuffled(benches)) times[name].push(bench.run(count).time / count);
  const { instructions } = benches[0].bench;
  for (const { bench } of benches) bench.close();
  const ns = Object.fromEntries(Object.entries(times).map(([name, each]) => [name, median(each)]));
  return { name: program.name, instructions, ns, ratios: ratiosOf(times) };
}

/** Throws if a kernel returns something else than the others, or leaves something else in its maps. */
function compareOutcomes(program, kernels) {
  const outcomes = Object.entries(kernels).map(([name, kernel]) => {
    const bench = new Bench(kernel(), program);
    const lines = bench.outcome(COMPARED);
    bench.close();
    return { name, lines };
  });
  const [first, ...others] = outcomes;
  for (const { name, lines } of others) {
    const at = lines.findIndex((line, i) => line !== first.lines[i]);
    if (at >= 0 || lines.length !== first.lines.length)
      throw new Error(`${program.name}: ${name} says ${lines[at]}, ${first.name} ${first.lines[at]}`);
  }
}

function warm(name, bench) {
  let count = 1;
  let time = 0;
  for (let spent = 0; spent < WARM_UP || time < ROUND / 8; spent += time) {
    ({ time } = bench.run(count));
    if (time < ROUND / 8) count *= 2;
  }
  count = Math.max(1, Math.round((count * ROUND) / bench.run(count).time));
  return { name, bench, count };
}

/** The medians of the ratios of neighbours: to Linux where it is there, and how many times the interpreter takes what the compiler does. */
function ratiosOf({ jit, interpreter, linux }) {
  const ratio = (a, b) => median(a.map((time, i) => time / b[i]));
  return {
    ...(linux && { jitToLinux: ratio(jit, linux), interpreterToLinux: ratio(interpreter, linux) }),
    interpreterToJit: ratio(interpreter, jit),
  };
}

function meansOf(programs, which) {
  const counted = programs.filter(({ name }) => which.some((program) => program.name === name));
  if (counted.length === 0) return {};
  const kinds = Object.keys(counted[0].ratios);
  const mean = (kind) =>
    Math.exp(counted.reduce((sum, { ratios }) => sum + Math.log(ratios[kind]), 0) / counted.length);
  return Object.fromEntries(kinds.map((kind) => [kind, mean(kind)]));
}

/** Wall time of one `run` with one packet: it is copied in, and the verdict is read. */
function onePacket(kernels) {
  const rows = Object.entries(kernels).map(([name, kernel]) => {
    const bench = new Bench(kernel(), { name: 'parser' });
    bench.run(CALLS);
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      for (let i = 0; i < CALLS; i++) bench.once();
      return (1e6 * (performance.now() - start)) / CALLS;
    });
    bench.close();
    return [name, Math.min(...times)];
  });
  return Object.fromEntries([...rows, ['lab', labPacket()]]);
}

/** The same by `lab.xdp`, which makes no system call of it. */
function labPacket() {
  const { kernel, lab } = createEmbeddedKernel();
  const loaded = load(kernel, readProgram('parser'));
  const runner = lab.xdp(kernel, Object.values(loaded.programs)[0].fd);
  const times = Array.from({ length: 10 }, () => {
    const start = performance.now();
    for (let i = 0; i < 10 * CALLS; i++) runner.run(FRAME);
    return (1e6 * (performance.now() - start)) / (10 * CALLS);
  });
  runner[Symbol.dispose]();
  loaded.close();
  return Math.min(...times);
}

function heading(kernels) {
  const linux = 'linux' in kernels ? `${'linux'.padStart(12)}${'jit/linux'.padStart(12)}` : '';
  return `${'ns for one run'.padEnd(18)}${'jit'.padStart(10)}${'interpreter'.padStart(14)}${linux}${'speed-up'.padStart(10)}`;
}

function row({ name, ns, ratios }) {
  const time = (value, width) => (value === undefined ? '' : value.toFixed(value < 100 ? 1 : 0)).padStart(width);
  const ratio = (value, width) => (value === undefined ? '' : value.toFixed(2)).padStart(width);
  const { jitToLinux, interpreterToJit } = ratios;
  const linux = jitToLinux === undefined ? '' : time(ns.linux, 12) + ratio(jitToLinux, 12);
  return `${name.padEnd(18)}${time(ns.jit, 10)}${time(ns.interpreter, 14)}${linux}${ratio(interpreterToJit, 10)}`;
}

function tell(packet, compile) {
  const each = Object.entries(packet).map(([name, ns]) => `${name} ${ns.toFixed(0)} ns`);
  say(`one packet, from JavaScript and back (lab: by lab.xdp): ${each.join(', ')}`);
  say('from a loaded program to its first verdict, µs:');
  for (const { name, instructions, generate, module, instance, first, bytes } of compile) {
    const parts = { generate, module, instance };
    const text = Object.entries(parts).map(([part, ns]) => `${part} ${(ns / 1000).toFixed(0)}`);
    const each = (generate / instructions).toFixed(0);
    say(
      `  ${name}, ${instructions} instructions: ${(first / 1000).toFixed(0)} (${text.join(', ')}); ${each} ns an instruction, ${bytes} bytes`,
    );
  }
  say(`load ${loadavg()[0].toFixed(1)}`);
}

function setting(path) {
  return readFileSync(path, 'utf8').trim();
}

function shuffled(items) {
  return items
    .map((item) => [Math.random(), item])
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}
