/** What it costs to compile a program: part of jit.js. */
import { createEmbeddedKernel } from '../dist/engine/embedded/index.js';
import { load } from '../dist/index.js';
import { FRAME, readProgram } from './jit-programs.js';

/** About 150 instructions, 380 in a straight line, and some 6000. */
const PROGRAMS = ['lb', 'siphash', 'big'];
const TIMES = 30;

/**
 * From a loaded (and verified) program to its first verdict, in a process that has done so before; nanoseconds of wall time, the least of {@link TIMES}, which
 * other work on the machine disturbs least. `generate` is what is no work of V8's.
 */
export function compileCosts() {
  return PROGRAMS.map(costOf);
}

function costOf(name) {
  const object = readProgram(name);
  const restore = timeWebAssembly();
  let best;
  let instructions = 0;
  for (let i = 0; i < TIMES; i++) {
    // A kernel keeps its modules for programs that are the same.
    const loaded = load(createEmbeddedKernel().kernel, object);
    const program = Object.values(loaded.programs)[0];
    instructions = program.info.xlatedSize / 8;
    Object.assign(spent, { module: 0, instance: 0, copying: 0 });
    const first = timeOf(() => program.run({ data: FRAME })) - spent.copying;
    const { module, instance, bytes } = spent;
    const second = timeOf(() => program.run({ data: FRAME }));
    loaded.close();
    const generate = first - second - module - instance;
    if (best === undefined || first < best.first) best = { generate, module, instance, first, second, bytes };
  }
  restore();
  return { name, instructions, ...best };
}

const spent = { module: 0, instance: 0, copying: 0, bytes: 0 };

/** Notes what V8 takes. No module is the same as one before: it would have those compiled already. */
function timeWebAssembly() {
  const { Module, Instance } = WebAssembly;
  let unique = 0;
  WebAssembly.Module = function timedModule(bytes) {
    const before = performance.now();
    const different = new Uint8Array(bytes.length + 8);
    different.set(bytes);
    different.set([0, 6, 1, 0x75, ...new Uint8Array(Uint32Array.of(unique++).buffer)], bytes.length);
    const start = performance.now();
    const module = new Module(different);
    const end = performance.now();
    spent.bytes = bytes.length;
    spent.copying += 1e6 * (start - before);
    spent.module += 1e6 * (end - start);
    return module;
  };
  WebAssembly.Instance = function timedInstance(...given) {
    const start = performance.now();
    const instance = new Instance(...given);
    spent.instance += 1e6 * (performance.now() - start);
    return instance;
  };
  return () => Object.assign(WebAssembly, { Module, Instance });
}

function timeOf(work) {
  const start = performance.now();
  work();
  return 1e6 * (performance.now() - start);
}
