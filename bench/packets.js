/**
 * One XDP program on many frames, by each of the ways that there are: `npm run bench -- packets [drops] [passes]`. Nanoseconds a frame: the median of some rounds, in which the ways take turns. Works on dist/.
 *
 * `lab.xdp`: a call for each. `lab.batch`: they are in the kernel's memory before. `testRuns`: as of a capture. `send` and `sendAll`: through the ingress of a device; what passes there goes on to
 * the IP stack, which has no use for it.
 */
import { cpus, loadavg } from 'node:os';
import { createEmbeddedKernel } from '../dist/engine/embedded/index.js';
import { addDevice, attachXdp, openProgram, setDeviceUp } from '../dist/index.js';
import { encodeInsns, parseAssembly } from '../dist/isa/index.js';
import { FRAME } from './jit-programs.js';

const ROUNDS = 15;
/** Milliseconds of a measurement. */
const ROUND = 40;
const FRAMES = 1024;
const SOURCE_PORT = 34;
const XDP = 6;
const VERDICTS = { drops: 1, passes: 2 };
const WAYS = ['lab.xdp', 'lab.batch', 'testRuns', 'send', 'sendAll'];

const frames = Array.from({ length: FRAMES }, (_, i) => {
  const frame = FRAME.slice();
  frame.set([(1024 + i) >> 8, (1024 + i) & 0xff], SOURCE_PORT);
  return frame;
});

const names = process.argv.slice(2);
console.log(
  `${cpus().length} processors, load ${loadavg()
    .map((n) => n.toFixed(1))
    .join(' ')}, Node ${process.version}`,
);
console.log(row(['ns a frame', ...WAYS]));
for (const [name, verdict] of Object.entries(VERDICTS)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const ways = open(verdict);
  const times = WAYS.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, way] of WAYS.entries()) times[i].push(measure(ways[way]));
  }
  console.log(row([name, ...times.map((list) => median(list).toFixed(0))]));
}

/** What each way does with all frames once. */
function open(verdict) {
  const { kernel, lab } = createEmbeddedKernel();
  // Looks at the ports, as most programs do.
  const text = `
    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r1 = r2
    r1 += 54
    r0 = 0
    if r1 > r3 goto out
    r4 = *(u16 *)(r2 + 34)
    r5 = *(u16 *)(r2 + 36)
    if r4 == r5 goto out
    r0 = ${verdict}
  out:
    exit`;
  const insns = encodeInsns(parseAssembly(text));
  const attr = { prog_type: XDP, insns, insn_cnt: insns.length / 8, license: 'GPL' };
  const fd = kernel.bpf('BPF_PROG_LOAD', attr);
  addDevice(kernel, { kind: 'veth', name: 'a0', peer: 'a1' });
  for (const name of ['a0', 'a1']) setDeviceUp(kernel, name, true);
  attachXdp(openProgram(kernel, { fd }), 'a0');
  const runner = lab.xdp(kernel, fd);
  const batch = lab.batch(kernel, fd, frames);
  return {
    'lab.xdp': () => {
      for (const frame of frames) runner.run(frame);
    },
    'lab.batch': () => batch.run().durationNs,
    testRuns: () => void lab.testRuns(kernel, fd, frames, 1),
    send: () => {
      for (const frame of frames) lab.send('a0', 'ingress', frame);
    },
    sendAll: () => lab.sendAll('a0', 'ingress', frames),
  };
}

/** Nanoseconds for one frame, by the clock or, where it tells them, by the way itself. */
function measure(way) {
  let [rounds, told] = [0, 0];
  const start = performance.now();
  do {
    told += way() ?? 0;
    rounds++;
  } while (performance.now() - start < ROUND);
  return (told || (performance.now() - start) * 1e6) / (rounds * FRAMES);
}

function median(list) {
  return list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0;
}

function row([name, ...figures]) {
  return name.padEnd(12) + figures.map((figure) => figure.padStart(11)).join('');
}
