import { describe, expect, it } from 'vitest';
import type { Pinning } from '../object/spec.ts';
import { type PinRules, parseCustomPins, pinPath } from './pin-path.ts';

const object = { sha1: 'da39a3ee5e6b4b0d3255bfef95601890afd80709' };
const custom = parseCustomPins('# a comment\n\n3 my/maps # another\n0x10 hex\n2 reserved\nbroken\n5 never\n');

describe('pinPath', () => {
  // biome-ignore format: aligned table
  const cases: readonly (readonly [style: 'bpf_elf_map' | 'btf' | 'bpf_map_def', pinning: Pinning, rules: PinRules, path: string | undefined])[] = [
    ['bpf_elf_map', 'none',          'declared', undefined],
    ['bpf_elf_map', 'global_ns',     'declared', '/b/tc/globals/m'],
    ['bpf_elf_map', 'object_ns',     'declared', '/b/tc/da39a3ee5e6b4b0d3255bfef95601890afd80709/m'],
    ['bpf_elf_map', { custom: 3 },   'declared', '/b/my/maps/m'],
    ['bpf_elf_map', { custom: 16 },  'declared', '/b/hex/m'],
    ['bpf_elf_map', { custom: 5 },   'declared', undefined],
    ['bpf_elf_map', 'global_ns',     'libbpf',   undefined],
    ['bpf_elf_map', 'global_ns',     'none',     undefined],
    ['bpf_map_def', 'none',          'tc',       undefined],
    ['btf',         'by_name',       'declared', '/b/m'],
    ['btf',         'by_name',       'libbpf',   '/b/m'],
    ['btf',         'by_name',       'tc',       '/b/tc/globals/m'],
    ['btf',         'by_name',       'none',     undefined],
  ];
  it.each(cases)('%s pinning %j by %s rules: %s', (style, pinning, rules, path) => {
    expect(pinPath(object, { name: 'm', style, pinning }, rules, '/b', custom)).toBe(path);
  });
});
