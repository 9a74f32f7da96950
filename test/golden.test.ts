import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LD_IMM64 } from '../src/isa/index.ts';
import { load } from '../src/loader/index.ts';
import { parseObject } from '../src/object/index.ts';
import { MAP_TYPES, type ProgType } from '../src/uapi/bpf.ts';
import { root } from './support/kernels.ts';
import { linuxWorks, withLinux } from './support/linux.ts';
import { objectBytes } from './support/objects.ts';

/** What llvm-readelf and bpftool say; written by tools/build-golden.js. */
interface Golden {
  readonly functions: readonly { name: string; section: string; insn: number; insns: number }[];
  readonly relocations: readonly { section: string; insn: number; type: string; symbol: string }[];
  readonly loaded: {
    readonly asked: string | null;
    readonly programs: readonly { name: string; tag: string }[];
    readonly maps: readonly {
      name: string;
      /** A number where bpftool is older than the type. */
      type: string | number;
      flags: number;
      bytes_key: number;
      bytes_value: number;
      max_entries: number;
    }[];
  } | null;
}

const golden: Readonly<Record<string, Golden>> = JSON.parse(
  // `?section`, not to be loaded by default, is `section` to us.
  readFileSync(join(root, 'test/objects/golden.json'), 'utf8').replaceAll('"section": "?', '"section": "'),
);
const TYPES: Readonly<Record<string, ProgType>> = { classifier: 'sched_cls', socket: 'socket_filter' };
/** libbpf before 1.1 gives it to every section, later ones only to those with a variable that is not static. */
const BPF_F_MMAPABLE = 1 << 10;
/** Linux makes tags with SHA-256 since the kernel that bpftool was run on, with SHA-1 before. */
const [major = 0, minor = 0] = release().split('.').map(Number);
const sameTags = major > 6 || (major === 6 && minor >= 18);
const linux = linuxWorks() && existsSync('/sys/kernel/btf/vmlinux');

describe.each(Object.entries(golden).filter(([file]) => !file.endsWith('_be.o')))(
  '%s',
  (file, { functions, relocations, loaded }) => {
    const spec = parseObject(objectBytes(file), { file });

    it('has the programs that llvm-readelf sees', () => {
      const entries = functions.filter(({ section }) => section !== '.text');
      const found = spec.programs.map(({ name, section }) => ({ name, section }));
      for (const { name, section } of found) {
        expect(functions.some((f) => f.section === section && f.name === name)).toBe(true);
      }
      // Subprograms of a section are no programs of their own; everything else is.
      for (const { name, section, insns } of entries) {
        const program = spec.programs.find((candidate) => candidate.name === name && candidate.section === section);
        const called = relocations.some(({ symbol }) => symbol === name || symbol === section);
        if (program === undefined) expect(called).toBe(true);
        else expect(program.insns.length / 8).toBeGreaterThanOrEqual(insns);
      }
      expect(found.length).toBeGreaterThanOrEqual(entries.length > 0 ? 1 : 0);
    });

    it('refers to maps and data where llvm-readelf sees relocations', () => {
      for (const program of spec.programs) {
        const own = functions.find(({ name, section }) => name === program.name && section === program.section);
        if (own === undefined) throw new Error(`llvm-readelf knows no ${program.name}`);
        const isCode = (symbol: string) => functions.some((f) => f.name === symbol || f.section === symbol);
        const wanted = relocations
          .filter(({ symbol }) => !isCode(symbol)) // the address of a callback
          .filter(({ section, type, insn }) => {
            return (
              section === program.section && type === 'R_BPF_64_64' && insn >= own.insn && insn < own.insn + own.insns
            );
          })
          .map(({ insn }) => insn - own.insn);
        const isAddress = ({ insn }: { insn: number }) => program.insns[8 * insn] === LD_IMM64;
        const references = [...program.references, ...program.externs.filter(isAddress)];
        const found = references.map(({ insn }) => insn).filter((insn) => insn < own.insns);
        expect(found.sort((a, b) => a - b)).toEqual(wanted.sort((a, b) => a - b));
      }
    });

    if (loaded === null) return; // libbpf loads it no way
    it.skipIf(!linux)('loads on Linux as with bpftool', () => {
      const { asked } = loaded;
      withLinux((kernel) => {
        const type = asked === null ? undefined : TYPES[asked];
        using object = load(kernel, spec, { pinRules: 'none', type });
        const programs = Object.values(object.programs).map(({ info: { name, tag } }) => ({ name, tag }));
        // What takes the place of a call of a weak function that is missing differs between versions of libbpf.
        const missing = new Set(spec.externs.filter((e) => e.kind === 'function' && e.weak).map((e) => e.name));
        const uncertain = spec.programs.filter((p) => p.externs.some((e) => missing.has(e.name))).map((p) => p.name);
        const named = (list: readonly { name: string; tag: string }[]) =>
          list.map(({ name, tag }) => (sameTags && !uncertain.includes(name) ? `${name} ${tag}` : name)).sort();
        expect(named(programs)).toEqual(named(loaded.programs));
        const used = new Set(Object.values(object.programs).flatMap(({ info }) => info.mapIds));
        const maps = Object.values(object.maps)
          .filter(({ id }) => used.has(id))
          .map(({ info }) => ({
            name: info.name,
            type: info.type,
            flags: info.flags & ~BPF_F_MMAPABLE,
            bytes_key: info.keySize,
            bytes_value: info.valueSize,
            max_entries: info.maxEntries,
          }));
        expect(maps.sort(byName)).toEqual(
          loaded.maps
            .map(({ type, ...map }) => ({
              ...map,
              type: typeof type === 'number' ? MAP_TYPES[type] : type,
              flags: map.flags & ~BPF_F_MMAPABLE,
            }))
            .sort(byName),
        );
      });
    });
  },
);

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
