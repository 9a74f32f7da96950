/** The programs of verifier.js, each as what a kernel has to be given to load it. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { encodeInsns, parseAssembly } from '../dist/isa/index.js';
import { KernelTypes } from '../dist/loader/kernel-btf.js';
import { mapTypeNumber, progTypeNumber } from '../dist/uapi/bpf.js';

/** Programs of the kernel's own tests, kept beside the repository because they are other people's. */
const VECTORS = resolve(import.meta.dirname, '../../shared/vectors/verifier');
/** Steps that make a program one of the largest. */
const MANY = 5000;

const repeated = (count, text) => Array.from({ length: count }, (_, i) => text(i));

const LOOKUP = `
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = map[name:hash]
  call bpf_map_lookup_elem`;

/** What takes a verifier long, each for a reason of its own. */
const OWN = {
  'a program of two instructions': ['r0 = 0', 'exit'],
  'a loop that is counted, 10,000 rounds': ['r1 = 0', 'l:', 'r1 += 1', 'if r1 < 10000 goto l', 'r0 = 0', 'exit'],
  'a straight line, 4,000 instructions': ['r0 = 1', ...repeated(1333, (i) => `r0 *= 3\nr0 ^= ${i}\nr0 >>= 1`), 'exit'],
  '300 branches whose paths are the same again': [
    'r6 = r1',
    ...repeated(300, (i) => `r0 = *(u32 *)(r6 + 0)\nif r0 > ${i} goto l${i}\nr0 += 1\nl${i}:`),
    'r0 = 0',
    'exit',
  ],
  '200 lookups in a map, each asked for and counted': [
    ...repeated(200, (i) => `${LOOKUP}\nif r0 == 0 goto l${i}\nr1 = 1\nlock *(u64 *)(r0 + 0) += r1\nl${i}:`),
    'r0 = 0',
    'exit',
  ],
};

/** All of them by name: `attr(kernel)` makes what the program refers to in a kernel, and returns what BPF_PROG_LOAD takes. */
export function verifierPrograms() {
  const own = Object.entries(OWN).map(([name, lines]) => ({ name, attr: (kernel) => ownAttr(kernel, lines) }));
  return [...own, ...largestPrograms()];
}

function ownAttr(kernel, lines) {
  let fd;
  const map = () => {
    fd ??= kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber.hash, key_size: 4, value_size: 8, max_entries: 4 });
    return fd;
  };
  const insns = encodeInsns(parseAssembly(lines.join('\n'), { map }));
  return { prog_type: progTypeNumber.socket_filter, insns, insn_cnt: insns.length / 8, license: 'GPL' };
}

/** The largest programs of the kernel's own tests; none where they are not there. */
function largestPrograms() {
  if (!existsSync(VECTORS)) return [];
  const read = (name) => JSON.parse(readFileSync(join(VECTORS, name), 'utf8'));
  const steps = new Map(read('ground_truth.json').results.map(({ id, insns_processed: n }) => [id, n]));
  return ['test_verifier', 'progs', 'functional']
    .flatMap((name) => read(`vectors-${name}.json`).vectors)
    .filter(({ id, attach_btf: target }) => steps.get(id) >= MANY && !target)
    .map((vector) => ({
      name: vector.id.slice(vector.id.indexOf('/') + 1),
      attr: (kernel) => vectorAttr(kernel, vector),
    }));
}

function vectorAttr(kernel, vector) {
  const insns = codeOf(vector);
  const words = new DataView(insns.buffer, insns.byteOffset, insns.length);
  const btf = vector.btf && loadBtf(kernel, vector.btf);
  const maps = new Map((vector.maps ?? []).map((map) => [map.name, createMap(kernel, map, btf)]));
  const types = new KernelTypes(kernel);
  for (const { insn, kind, map, name } of vector.refs ?? []) {
    if (map !== undefined) words.setUint32(8 * insn + 4, maps.get(map), true);
    if (kind === 'kfunc') words.setUint32(8 * insn + 4, types.find('func', name).id, true);
  }
  types[Symbol.dispose]();
  const functions = Uint32Array.from(vector.func_info.flat());
  return {
    prog_type: vector.prog_type,
    expected_attach_type: vector.expected_attach_type,
    prog_flags: vector.prog_flags,
    license: vector.license,
    insns,
    insn_cnt: insns.length / 8,
    ...(btf && {
      prog_btf_fd: btf,
      func_info: new Uint8Array(functions.buffer),
      func_info_rec_size: 8,
      func_info_cnt: functions.length / 2,
    }),
  };
}

function codeOf({ insns, insns_file: file }) {
  if (file !== undefined) return Uint8Array.from(gunzipSync(readFileSync(join(VECTORS, file))));
  return Uint8Array.from(Buffer.from(insns.join(''), 'hex'));
}

function loadBtf(kernel, name) {
  const btf = Uint8Array.from(readFileSync(join(VECTORS, 'btf', `${name}.btf`)));
  return kernel.bpf('BPF_BTF_LOAD', { btf, btf_size: btf.length });
}

function createMap(kernel, map, btf) {
  const fd = kernel.bpf('BPF_MAP_CREATE', {
    map_type: map.map_type,
    key_size: map.key_size,
    value_size: map.value_size,
    max_entries: map.max_entries,
    map_flags: map.map_flags,
    ...(map.btf_value_type_id && {
      btf_fd: btf,
      btf_key_type_id: map.btf_key_type_id,
      btf_value_type_id: map.btf_value_type_id,
    }),
  });
  if (map.frozen) kernel.bpf('BPF_MAP_FREEZE', { map_fd: fd });
  return fd;
}
