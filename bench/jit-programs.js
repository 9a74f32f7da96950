/** The programs of jit.js on the kernels that it compares. Works on dist/. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createEmbeddedKernel } from '../dist/engine/embedded/index.js';
import { createLinuxKernel } from '../dist/engine/linux/index.js';
import { load, openObject, openRingBuffer } from '../dist/index.js';

const folder = resolve(import.meta.dirname, 'programs');

// biome-ignore format: aligned table
/** Their sources say what each stands for. `apart`: left out of the mean of what programs do. `events`: runs before its ring buffer is full. */
export const PROGRAMS = [
  { name: 'empty', apart: true }, { name: 'prime' }, { name: 'siphash' }, { name: 'collatz' }, { name: 'memops' }, { name: 'switch' },
  { name: 'parser' }, { name: 'parser8' }, { name: 'array1' }, { name: 'array' }, { name: 'array_atomic' },
  { name: 'hash_lookup' }, { name: 'hash_update' }, { name: 'globals' }, { name: 'tailcall', apart: true }, { name: 'bpfcalls' },
  { name: 'lb' }, { name: 'big', apart: true }, { name: 'lru' }, { name: 'lpm' }, { name: 'ringbuf', events: 200_000 },
  { name: 'balancer' }, { name: 'firewall', events: 10_000_000 }, { name: 'packed' }, { name: 'nat' },
];

/** Those whose geometric mean earlier measurements give. */
export const FIRST_15 = PROGRAMS.filter(
  ({ name, apart }) => !apart && !['lru', 'lpm', 'ringbuf', 'balancer', 'firewall', 'packed', 'nat'].includes(name),
);

// biome-ignore format: by header
/** A frame of 64 bytes: TCP over IPv4, with 10 bytes of payload that end in zeros. */
export const FRAME = Uint8Array.of(
  0x02, 0, 0, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0x02, 0x08, 0x00,
  0x45, 0, 0, 50, 0x12, 0x34, 0x40, 0, 64, 6, 0x3c, 0x5d, 192, 0, 2, 1, 198, 51, 100, 7,
  0x9c, 0x40, 0, 80, 0xc0, 0xff, 0xee, 0x01, 0x0d, 0x15, 0xea, 0x5e, 0x50, 0x18, 0x7f, 0xff, 0xd2, 0x7b, 0, 0,
  0x5a, 0xa5, 0, 0, 0, 0, 0, 0, 0, 0,
);

/** Kernels by the names under which figures are given; `linux` only where bpf(2) is allowed. */
export function openKernels() {
  const kernels = {
    jit: () => createEmbeddedKernel().kernel,
    interpreter: () => createEmbeddedKernel({ jit: 'off' }).kernel,
  };
  try {
    const linux = createLinuxKernel();
    new Bench(linux, PROGRAMS[0]).close();
    return { ...kernels, linux: () => linux };
  } catch (error) {
    console.error(`linux is left out: ${error.message}`);
    return kernels;
  }
}

export function readProgram(name) {
  const file = join(folder, `${name}.o`);
  return openObject(readFileSync(file), { file });
}

/** A program on one kernel. */
export class Bench {
  #loaded;
  #program;
  #events;
  #ring;

  constructor(kernel, { name, events = Number.POSITIVE_INFINITY }) {
    this.#events = events;
    this.#loaded = load(kernel, readProgram(name));
    // What others are called from stands first in its file.
    this.#program = Object.values(this.#loaded.programs)[0];
    const ring = Object.values(this.#loaded.maps).find(({ info }) => info.type === 'ringbuf');
    this.#ring = ring && openRingBuffer(ring);
  }

  get instructions() {
    const slots = Object.values(this.#loaded.programs).map(({ info }) => info.xlatedSize / 8);
    return slots.reduce((sum, count) => sum + count);
  }

  /** Runs it so many times; nanoseconds of processor time, and what `BPF_PROG_TEST_RUN` said at last. */
  run(times) {
    let time = 0;
    let result;
    for (let left = times; left > 0; left -= this.#events) {
      const repeat = Math.min(left, this.#events);
      const from = cpuTime();
      result = this.#program.run({ data: FRAME, repeat, dataSizeOut: 256 });
      time += cpuTime() - from;
      if (this.#events !== Number.POSITIVE_INFINITY) this.#ring?.consume(() => {});
    }
    return { time, result };
  }

  /** One call with one packet; the verdict. */
  once() {
    return this.#program.run({ data: FRAME, dataSizeOut: 64 }).retval;
  }

  /** The verdict, the frame and the maps after so many runs, as text that is the same on every kernel. */
  outcome(times) {
    const { retval, data } = this.run(times).result;
    const lines = [`returned ${retval}, frame ${hex(data)}`];
    for (const [name, map] of Object.entries(this.#loaded.maps))
      if (map.info.type !== 'prog_array' && map.info.type !== 'ringbuf')
        for (const [key, value] of sorted(map)) lines.push(`${name}[${key}] = ${value}`);
    return lines;
  }

  close() {
    this.#ring?.[Symbol.dispose]();
    this.#loaded.close();
  }
}

/** What each CPU has is added up: Linux runs a program on whichever it likes. All such values here are u64. */
function sorted(map) {
  const entries = [...map.entriesBytes()].map(([key, value]) => [
    hex(key),
    map.perCpu ? map.cpuSlots(value).map(words).reduce(addUp).join() : hex(value),
  ]);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}

const words = (bytes) => [...new BigUint64Array(bytes.slice().buffer)];
const addUp = (a, b) => a.map((word, i) => word + b[i]);
const hex = (bytes) => Buffer.from(bytes).toString('hex');

/** Of this thread where Node.js tells it, else of the process. */
const usage = process.threadCpuUsage ?? process.cpuUsage;

/** Nanoseconds of processor time: other work of the machine does not count, unlike in wall time. */
export function cpuTime() {
  const { user, system } = usage.call(process);
  return 1000 * (user + system);
}
