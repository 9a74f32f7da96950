#!/usr/bin/env node
/**
 * Writes test/objects/golden.json: what llvm-readelf 19 and bpftool (with the running kernel) say about the compiled objects. The tests compare our
 * reading with it. Needs root, llvm-19 and bpftool. Nothing stays loaded or pinned.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const folders = ['examples/cgroup', 'examples/classify', 'examples/globals', 'examples/shared', 'test/objects'];
const files = folders.flatMap((folder) => objectsIn(folder)).sort();
const golden = Object.fromEntries(files.map((file) => [file, { ...readElf(file), loaded: loadWithBpftool(file) }]));
writeFileSync(join(root, 'test/objects/golden.json'), `${JSON.stringify(golden, null, 1)}\n`);

function objectsIn(folder) {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.o'))
    .map((name) => `${folder}/${name}`);
}

/** Functions with their sections and lengths, and which instruction of which section refers to which symbol. */
function readElf(file) {
  const words = ['--elf-output-style=JSON', '--sections', '--symbols', '--relocs', join(root, file)];
  const [{ Sections, Symbols, Relocations }] = JSON.parse(execFileSync('llvm-readelf-19', words, { encoding: 'utf8' }));
  const sections = Sections.map(({ Section }) => Section);
  const code = sections.filter(
    ({ Flags, Size }) => Flags.Flags.some(({ Name }) => Name === 'SHF_EXECINSTR') && Size > 0,
  );
  const functions = Symbols.map(({ Symbol: symbol }) => symbol)
    .filter((symbol) => symbol.Type.Name === 'Function' && code.some(({ Index }) => Index === symbol.Section.Value))
    .map(({ Name, Section, Value, Size }) => ({
      name: Name.Name,
      section: Section.Name,
      insn: Value / 8,
      insns: Size / 8,
    }));
  const relocations = Relocations.flatMap(({ SectionIndex, Relocs }) => {
    const target = sections.find(({ Index }) => Index === sections.find((s) => s.Index === SectionIndex)?.Info);
    if (!code.includes(target)) return [];
    return Relocs.map(({ Relocation: { Offset, Type, Symbol: symbol } }) => ({
      section: target.Name.Name,
      insn: Offset / 8,
      type: Type.Name,
      symbol: symbol.Name,
    }));
  });
  return { functions, relocations };
}

/**
 * The programs' tags and their maps as the kernel has them after `bpftool prog loadall … [type TYPE]`, with the first type that libbpf takes; `null` if it
 * takes none: it refuses legacy maps, and objects that are meant to be refused.
 */
function loadWithBpftool(file) {
  for (const type of [undefined, 'classifier', 'socket']) {
    const shown = show(file, type === undefined ? '' : `type ${type}`);
    if (shown === undefined) continue;
    const programs = shown.filter((item) => 'tag' in item).map(({ name, tag }) => ({ name, tag }));
    const maps = new Map(shown.filter((item) => 'bytes_key' in item).map((map) => [map.id, describeMap(map)]));
    return { asked: type ?? null, programs, maps: [...maps.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) };
  }
  return null;
}

function describeMap({ name, type, flags, bytes_key, bytes_value, max_entries }) {
  return { name, type, flags, bytes_key, bytes_value, max_entries };
}

/** What bpftool shows of the programs and of the maps that they use; `undefined` if it cannot load the object. */
function show(file, type) {
  const script = `mount -t bpf bpf /sys/fs/bpf && bpftool prog loadall "$0" /sys/fs/bpf/p ${type} >&2 || exit 1
    for pin in /sys/fs/bpf/p/*; do
      bpftool -j prog show pinned "$pin"
      for id in $(bpftool prog show pinned "$pin" | sed -n 's/.*map_ids //p' | tr , ' '); do bpftool -j map show id "$id"; done
    done`;
  try {
    const words = ['-m', 'sh', '-c', script, join(root, file)];
    const text = execFileSync('unshare', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  } catch {
    return undefined;
  }
}
