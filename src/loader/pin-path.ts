import type { MapSpec, ObjectSpec } from '../object/spec.ts';
import { joinPath } from './bpffs.ts';

/**
 * Whose pinning rules a load follows. `declared`: each map by the rules of the loader that its definition was written for, tc for a
 * `bpf_elf_map`, libbpf for a BTF map. `tc` and `libbpf`: that loader's rules for all of them. `none`: nothing is pinned by declaration.
 */
export type PinRules = (typeof PIN_RULES)[number];
export const PIN_RULES = ['declared', 'tc', 'libbpf', 'none'] as const;

/** Paths, relative to the bpffs mount, of iproute2's bpf_pinning file: `id subpath` lines for pinning ids other than 0, 1, 2. */
export type CustomPins = ReadonlyMap<number, string>;

/**
 * Where a map is pinned, and found by the next load; `undefined` where the rules say nothing (every load then makes a map of its own).
 *
 * tc: PIN_GLOBAL_NS `<bpffs>/tc/globals/NAME`, PIN_OBJECT_NS `<bpffs>/tc/<sha1 of the file>/NAME`, another id `<bpffs>/<subpath>/NAME` if
 * bpf_pinning has it. A BTF map with LIBBPF_PIN_BY_NAME goes to tc's globals, as with a tc that is built on libbpf.
 * libbpf: LIBBPF_PIN_BY_NAME `<bpffs>/NAME`; it knows nothing of the other kinds.
 */
export function pinPath(
  object: Pick<ObjectSpec, 'sha1'>,
  map: Pick<MapSpec, 'name' | 'style' | 'pinning'>,
  rules: PinRules,
  bpffs: string,
  custom: CustomPins = new Map(),
): string | undefined {
  const effective = rules === 'declared' ? (map.style === 'bpf_elf_map' ? 'tc' : 'libbpf') : rules;
  const { name, pinning } = map;
  if (effective === 'none' || pinning === 'none') return undefined;
  if (effective === 'libbpf') return pinning === 'by_name' ? joinPath(bpffs, name) : undefined;
  switch (pinning) {
    case 'global_ns':
    case 'by_name':
      return joinPath(bpffs, 'tc/globals', name);
    case 'object_ns':
      return joinPath(bpffs, 'tc', object.sha1, name);
    default: {
      const subpath = custom.get(pinning.custom);
      return subpath === undefined ? undefined : joinPath(bpffs, subpath, name);
    }
  }
}

/** The lines of iproute2's bpf_pinning file. Ids 0 to 2 are reserved and a malformed line ends the reading, as in tc. */
export function parseCustomPins(text: string): CustomPins {
  const pins = new Map<number, string>();
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const match = /^(0x[0-9a-f]+|\d+)\s+(\S+)(\s+#.*)?$/i.exec(trimmed);
    if (match?.[1] === undefined || match[2] === undefined) break;
    const id = Number(/^0\d/.test(match[1]) ? `0o${match[1].slice(1)}` : match[1]);
    if (id > 2) pins.set(id, match[2]);
  }
  return pins;
}
