import {
  BPF_F_LOCK,
  BPF_F_MMAPABLE,
  BPF_F_NO_PREALLOC,
  BPF_F_RDONLY_PROG,
  BPF_F_WRONLY_PROG,
  isPerCpuMap,
  MAP_TYPES,
  type MapType,
} from '../../uapi/bpf.ts';
import { hasMapType } from '../probes/map.ts';
import { numberOf, type Reason, type Refusal, type Rule } from './reason.ts';

/** Bytes of a key, a value or an element that some types have at most. */
const MAX_PERCPU_VALUE = 32768;
const LPM_KEYS = [5, 260] as const;

/** The attributes of a BPF_MAP_CREATE, with 0 for what was not given. */
interface Shape {
  readonly type: MapType;
  readonly key: number;
  readonly value: number;
  readonly entries: number;
  readonly flags: number;
  readonly given: ReadonlySet<string>;
}

interface ShapeRule {
  /** `undefined`: all. */
  readonly types?: readonly MapType[];
  readonly broken: (shape: Shape) => boolean;
  readonly why: string;
}

const ARRAYS = ['array', 'percpu_array'] as const;
const SLOTS = ['prog_array', 'perf_event_array', 'cgroup_array', 'array_of_maps', 'hash_of_maps'] as const;
const HASHES = ['hash', 'percpu_hash', 'lru_hash', 'lru_percpu_hash'] as const;
const RINGS = ['ringbuf', 'user_ringbuf'] as const;
const STORAGES = ['sk_storage', 'inode_storage', 'task_storage', 'cgrp_storage'] as const;
const KEYLESS = ['queue', 'stack', 'bloom_filter'] as const;

/** What the kernel demands of each type, and answers with a bare errno. Source: `map_alloc_check` and `map_alloc` of each type, Linux 6.18. */
const SHAPE_RULES: readonly ShapeRule[] = [
  {
    types: [...ARRAYS, 'prog_array', 'perf_event_array', 'cgroup_array', 'array_of_maps'],
    broken: ({ key }) => key !== 4,
    why: 'the key of this type is an index: key_size has to be 4',
  },
  {
    types: SLOTS,
    broken: ({ value }) => value !== 4,
    why: 'a value of this type is a file descriptor: value_size has to be 4',
  },
  {
    types: [...ARRAYS, ...HASHES, 'prog_array', 'lpm_trie', ...KEYLESS],
    broken: ({ entries }) => entries === 0,
    why: 'max_entries is 0',
  },
  {
    types: [...ARRAYS, ...HASHES, 'lpm_trie', ...KEYLESS],
    broken: ({ value }) => value === 0,
    why: 'value_size is 0',
  },
  { types: HASHES, broken: ({ key }) => key === 0, why: 'key_size is 0' },
  { types: KEYLESS, broken: ({ key }) => key !== 0, why: 'this type has no keys: key_size has to be 0' },
  {
    types: RINGS,
    broken: ({ key, value }) => key !== 0 || value !== 0,
    why: 'a ring buffer has neither keys nor values: key_size and value_size have to be 0',
  },
  {
    types: RINGS,
    broken: ({ entries }) => entries === 0 || (entries & (entries - 1)) !== 0 || entries % 4096 !== 0,
    why: 'max_entries of a ring buffer is its size in bytes: a power of two, and a multiple of the page size',
  },
  {
    types: ['lpm_trie', ...STORAGES],
    broken: ({ flags }) => (flags & BPF_F_NO_PREALLOC) === 0,
    why: 'this type has to be made with map_flags BPF_F_NO_PREALLOC',
  },
  {
    types: ['lru_hash', 'lru_percpu_hash'],
    broken: ({ flags }) => (flags & BPF_F_NO_PREALLOC) !== 0,
    why: 'an LRU map has all its elements from the start: it cannot have BPF_F_NO_PREALLOC',
  },
  {
    types: ['lpm_trie'],
    broken: ({ key }) => key < LPM_KEYS[0] || key > LPM_KEYS[1],
    why: `the key is a prefix length (4 bytes) and 1 to 256 bytes of data: key_size has to be ${LPM_KEYS.join(' to ')}`,
  },
  {
    types: ['stack_trace'],
    broken: ({ value }) => value === 0 || value % 8 !== 0,
    why: 'a value is a list of addresses: value_size has to be a multiple of 8',
  },
  {
    types: STORAGES,
    broken: ({ entries }) => entries !== 0,
    why: 'such maps have an element for each socket, task, file or cgroup: max_entries has to be 0',
  },
  { types: STORAGES, broken: ({ key }) => key !== 4, why: 'the key is a file descriptor: key_size has to be 4' },
  {
    types: STORAGES,
    broken: ({ given }) => !given.has('btf_value_type_id'),
    why: 'this type has to be made with BTF: define it in .maps, with key and value types',
  },
  {
    types: ['array_of_maps', 'hash_of_maps'],
    broken: ({ given }) => !given.has('inner_map_fd'),
    why: 'a map of maps is made with a map like those that it will hold: inner_map_fd is not given',
  },
  {
    types: ['arena'],
    broken: ({ flags }) => (flags & BPF_F_MMAPABLE) === 0,
    why: 'an arena has to be made with map_flags BPF_F_MMAPABLE',
  },
  {
    broken: ({ flags }) => (flags & BPF_F_RDONLY_PROG) !== 0 && (flags & BPF_F_WRONLY_PROG) !== 0,
    why: 'BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other',
  },
  {
    broken: ({ type, value }) => isPerCpuMap(type) && value > MAX_PERCPU_VALUE,
    why: `a value of a per-CPU map has ${MAX_PERCPU_VALUE} bytes at most`,
  },
];

/** Why BPF_MAP_CREATE may have refused. */
export const mapRefused: Rule = (refusal) => {
  const { error, kernel } = refusal;
  if (error.syscall !== 'BPF_MAP_CREATE' || !['EINVAL', 'E2BIG', 'ENOTSUPP', 'EPERM'].includes(error.code)) return [];
  const number = numberOf(refusal, 'map_type');
  const type = MAP_TYPES[number];
  if (type === undefined || number === 0) return [{ why: `no kernel has maps of type ${number}` }];
  const broken = brokenRules(shapeOf(type, refusal));
  if (broken.length > 0 || error.code === 'EPERM') return broken;
  if (!hasMapType(kernel, type, 0)) return [lackingType(`maps of type ${type}`)];
  return [
    {
      why: `this kernel has maps of type ${type}; the sizes, map_flags or BTF types are not those that it takes for them`,
    },
  ];
};

export function lackingType(what: string): Reason {
  return { why: `this kernel has no ${what}`, fix: 'skep feature probe' };
}

function shapeOf(type: MapType, refusal: Refusal): Shape {
  return {
    type,
    key: numberOf(refusal, 'key_size'),
    value: numberOf(refusal, 'value_size'),
    entries: numberOf(refusal, 'max_entries'),
    flags: numberOf(refusal, 'map_flags'),
    given: new Set(Object.keys(refusal.attr).filter((field) => refusal.attr[field] !== undefined)),
  };
}

function brokenRules(shape: Shape): Reason[] {
  return SHAPE_RULES.filter(({ types, broken }) => (types?.includes(shape.type) ?? true) && broken(shape)).map(
    ({ why }) => ({ why }),
  );
}

/** The commands that work on elements. */
const ELEMENTS = /^BPF_MAP_(LOOKUP|UPDATE|DELETE|LOOKUP_AND_DELETE)_(ELEM|BATCH)$/;
const KNOWN_UPDATE_FLAGS = 2 | BPF_F_LOCK;

/** Why a command on elements may have been refused. */
export const elementRefused: Rule = (refusal) => {
  const { error } = refusal;
  if (!ELEMENTS.test(error.syscall)) return [];
  const writes = !error.syscall.startsWith('BPF_MAP_LOOKUP_ELEM') && !error.syscall.startsWith('BPF_MAP_LOOKUP_BATCH');
  const flags = Number(refusal.attr.flags ?? 0);
  switch (error.code) {
    case 'EPERM':
      return [
        {
          why: writes
            ? 'the map is frozen, or it or this file descriptor of it is for reading only (BPF_F_RDONLY)'
            : 'the map, or this file descriptor of it, is for writing only (BPF_F_WRONLY)',
        },
      ];
    case 'EINVAL':
      if ((flags & ~KNOWN_UPDATE_FLAGS) !== 0 || (flags & 3) === 3)
        return [{ why: `no map takes the flags 0x${flags.toString(16)} here` }];
      if (error.syscall === 'BPF_MAP_DELETE_ELEM') return [{ why: 'the elements of an array cannot be deleted' }];
      return [];
    case 'E2BIG':
      return [{ why: 'the map is full (max_entries), or the index is not below max_entries' }];
    default:
      return [];
  }
};
