/**
 * What opening an object costs in memory: run by objects.bench.ts as a process of its own, because a peak is that of a process. Works on dist/.
 * `node bench/memory.js OBJECT [BTF]` prints JSON: bytes of the peak resident set when Node is up (`start`), when the object is open, when its CO-RE
 * relocations are applied; and what is live then (`heap`, `external`).
 */
import { readFileSync } from 'node:fs';
import { parseBtf } from '../dist/btf/index.js';
import { parseObject, relocateCore } from '../dist/object/index.js';

const [object, types] = process.argv.slice(2);
const peak = () => process.resourceUsage().maxRSS * 1024;

const start = peak();
const spec = parseObject(readFileSync(object));
const opened = peak();
const programs = types === undefined ? [] : relocated(spec, parseBtf(readFileSync(types)));
const done = peak();
globalThis.gc?.();
const { heapUsed, external } = process.memoryUsage();
console.log(JSON.stringify({ start, opened, relocated: done, heap: heapUsed, external, programs: programs.length }));

function relocated({ programs, btf }, target) {
  return btf === undefined ? [] : programs.map((program) => relocateCore(program, btf, [target]));
}
