import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** The bytes of a compiled object of the repository, e.g. `examples/shared/shared.bpf.o`. */
export function objectBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(root, path)));
}

/** Compiled objects that fuzzing starts from: one of each style and shape. */
export const CORPUS = [
  'examples/shared/shared.bpf.o',
  'examples/globals/template.bpf.o',
  'examples/cgroup/cg.bpf.o',
  'test/objects/btf_maps.o',
  'test/objects/calls.o',
  'test/objects/mixed.o',
  'test/objects/types.o',
  'test/objects/elf_map_7.o',
  'test/objects/slots.o',
  'test/objects/loops.o',
  'test/objects/externs.o',
  'test/objects/ksyms.o',
  'test/objects/struct_ops.o',
  'test/objects/map_shapes.o',
  'test/objects/mixed_be.o',
];
