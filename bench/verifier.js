/**
 * The verifier of the embedded kernel beside Linux's, where bpf(2) is allowed: `npm run bench -- verifier [NAME…]`. Both load each program in turns. Shown are wall times of a
 * load, its median once V8 is warm, and the first; the ratio is the median of those of neighbours. On Linux that is compiling the program as well. Works on dist/.
 */
import { loadavg } from 'node:os';
import { createEmbeddedKernel } from '../dist/engine/embedded/index.js';
import { createLinuxKernel } from '../dist/engine/linux/index.js';
import { verifierPrograms } from './verifier-programs.js';

/** Milliseconds in which each program is loaded again and again, at least so often and at most. */
const PATIENCE = 4000;
const [FEWEST, MOST] = [3, 400];

const words = process.argv.slice(2);
const chosen = verifierPrograms().filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
if (chosen.length === 0) {
  console.error(`there is no program named ${words.join(' or ')}`);
  process.exit(1);
}
const linux = openLinux();
console.log(`Node ${process.version}, load ${loadavg()[0].toFixed(1)}`);
console.log(
  `${'ms for one load'.padEnd(60)}${heading('first')}${heading('warm')}${heading('linux')}${heading('ratio')}`,
);
for (const { name, attr } of chosen) measure(name, attr);

function measure(name, attr) {
  const embedded = loader(createEmbeddedKernel().kernel, attr);
  const other = linux && loader(linux, attr);
  const pairs = [];
  const start = performance.now();
  while (pairs.length < FEWEST || (pairs.length < MOST && performance.now() - start < PATIENCE)) {
    const [a, b] = [embedded(), other?.()];
    if (b !== undefined && a.verdict !== b.verdict) {
      console.log(`${name.padEnd(60)}  embedded: ${a.verdict}, linux: ${b.verdict}`);
      return;
    }
    pairs.push([a.time, b?.time]);
  }
  const warm = pairs.slice(pairs.length >> 1);
  const figure = (number) => (number === undefined ? '' : number.toFixed(number < 10 ? 2 : 0)).padStart(10);
  const of = (pick) => (linux ? figure(median(warm.map(pick))) : '');
  console.log(
    `${name.padEnd(60)}${figure(pairs[0][0])}${figure(median(warm.map(([a]) => a)))}${of(([, b]) => b)}${of(([a, b]) => a / b)}`,
  );
}

/** Loads the program, which verifies it, and lets it go: whether it was taken, and how long that took. */
function loader(kernel, attrOf) {
  const attr = attrOf(kernel);
  return () => {
    const start = performance.now();
    let verdict = 'accepted';
    try {
      kernel.close(kernel.bpf('BPF_PROG_LOAD', attr));
    } catch (error) {
      verdict = error.code;
    }
    return { verdict, time: performance.now() - start };
  };
}

/** Linux, where it lets this process load programs. */
function openLinux() {
  try {
    const kernel = createLinuxKernel();
    loader(kernel, verifierPrograms()[0].attr)();
    return kernel;
  } catch (error) {
    console.error(`linux is left out: ${error.message}`);
    return undefined;
  }
}

function heading(text) {
  return text.padStart(10);
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}
