import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseBtf } from '../../src/btf/index.ts';
import { type FeatureKind, isAtLeast, running, sinceByName } from '../support/since.ts';

/** The enum of the kernel that lists a kind, and what its names begin with. */
// biome-ignore format: aligned table
const ENUMS = {
  map:     ['bpf_map_type',    'BPF_MAP_TYPE_'],
  prog:    ['bpf_prog_type',   'BPF_PROG_TYPE_'],
  attach:  ['bpf_attach_type', 'BPF_'],
  link:    ['bpf_link_type',   'BPF_LINK_TYPE_'],
  helper:  ['bpf_func_id',     'BPF_FUNC_'],
  command: ['bpf_cmd',         ''],
} as const satisfies Record<FeatureKind, readonly [name: string, prefix: string]>;
const kinds = Object.keys(ENUMS) as FeatureKind[]; // keys of the table

/** The enum has it from 5.19 on, for the kernel's own use. */
const EARLIER: readonly string[] = ['link struct_ops'];

const VMLINUX = '/sys/kernel/btf/vmlinux';
const btf = existsSync(VMLINUX) ? parseBtf(readFileSync(VMLINUX)) : undefined;
if (btf === undefined) console.log(`skipped: the kernel does not show its types in ${VMLINUX}`);

describe.skipIf(btf === undefined)('since which Linux', () => {
  it.each(kinds)('there is each %s', (kind) => {
    const [name, prefix] = ENUMS[kind];
    const type = btf?.type(btf.find('enum', name) ?? 0);
    const values = type?.kind === 'enum' ? type.values.map((value) => value.name.toLowerCase()) : [];
    expect(values.length).toBeGreaterThan(5);
    const rows = [...sinceByName(kind)].filter(([feature]) => !EARLIER.includes(`${kind} ${feature}`));
    const here = rows.filter(([feature]) => values.includes(`${prefix}${feature}`.toLowerCase()));
    expect(here).toEqual(rows.filter(([, since]) => isAtLeast(running, since)));
  });
});
