import type { Link } from '../links/link.ts';
import type { Machine } from '../machine.ts';
import type { BpfMap } from '../maps/map.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Shown } from '../types/shown.ts';
import { walkElements } from './elements.ts';

/** What the context of one call has beside `meta`: structs that are shown, bytes that are copied, addresses. */
export type Members = Readonly<Record<string, Shown | Uint8Array | number>>;

/** What an iterator goes over: objects by growing id, so that a reader may come back later. */
export interface Walk {
  /** The first object whose id is greater than `after`. */
  readonly next: (after: number) => { readonly id: number; readonly members: Members } | undefined;
  /** What the context has behind the last of them. */
  readonly end: Members;
}

export interface IterTarget {
  /** As `bpf_iter_NAME` in the kernel's BTF, and `struct bpf_iter__NAME`. */
  readonly name: string;
  /** Of those that go over the elements of a map. */
  readonly ofMap?: (map: BpfMap) => Walk;
  readonly open: (machine: Machine) => Walk;
}

const NOTHING: Walk = { next: () => undefined, end: {} };

export const ITER_TARGETS: readonly IterTarget[] = [
  { name: 'bpf_map', open: ({ maps }) => walkTable(maps, (map) => ({ map: showMap(map) })) },
  { name: 'bpf_prog', open: ({ progs }) => walkTable(progs, (prog) => ({ prog: showProg(prog) })) },
  { name: 'bpf_link', open: ({ links }) => walkTable(links, (link) => ({ link: showLink(link) })) },
  { name: 'bpf_map_elem', open: () => NOTHING, ofMap: (map) => walkElements(map) },
];

/** What an attach_btf_id of the kernel's BTF means. */
export function iterTarget(machine: Machine, btfId: number): IterTarget | undefined {
  return ITER_TARGETS.find(({ name }) => machine.vmlinux.btf.find('func', `bpf_iter_${name}`) === btfId);
}

function walkTable<T>(
  table: { next(id: number): number | undefined; get(id: number): T | undefined },
  show: (object: T) => Members,
): Walk {
  return {
    end: {},
    next(after) {
      const id = table.next(after);
      const object = id === undefined ? undefined : table.get(id);
      return id === undefined || object === undefined ? undefined : { id, members: show(object) };
    },
  };
}

export function showMap({ id, attr }: BpfMap): Shown {
  return {
    struct: 'bpf_map',
    values: {
      map_type: attr.type,
      key_size: attr.keySize,
      value_size: attr.valueSize,
      max_entries: attr.maxEntries,
      map_extra: attr.mapExtra,
      map_flags: attr.flags,
      id,
      btf_key_type_id: attr.keyTypeId,
      btf_value_type_id: attr.valueTypeId,
      name: attr.name,
    },
  };
}

function showProg({ id, attr, maps }: BpfProg): Shown {
  return {
    struct: 'bpf_prog',
    values: { type: attr.type, len: attr.xlated.length / 8, tag: attr.tag },
    to: {
      aux: {
        struct: 'bpf_prog_aux',
        values: { used_map_cnt: maps.length, id, load_time: attr.loadTime, name: attr.name },
      },
    },
  };
}

function showLink({ id, type, prog }: Link): Shown {
  return { struct: 'bpf_link', values: { id, type }, to: prog === undefined ? {} : { prog: showProg(prog) } };
}
