import { errno } from '../../../uapi/errno.ts';
import type { HelperEnv } from '../helpers/helper.ts';
import { kfunc } from './kfunc.ts';
import { drop } from './objects.ts';

/** Bytes of struct bpf_cpumask: a word of bits, which is enough for the CPUs that there may be, and how often it is used. */
const SIZE = 16;
const BITMAP = 8;

const bits = ({ memory }: HelperEnv, mask: number): bigint => memory.dv.getBigUint64(mask, true);
const store = ({ memory }: HelperEnv, mask: number, value: bigint): void => memory.dv.setBigUint64(mask, value, true);
const all = ({ machine }: HelperEnv): bigint => (1n << BigInt(machine.cpus)) - 1n;
const valid = ({ machine }: HelperEnv, cpu: number): boolean => cpu >= 0 && cpu < machine.cpus;
const isSet = (env: HelperEnv, mask: number, cpu: number): boolean => ((bits(env, mask) >> BigInt(cpu)) & 1n) === 1n;

/** The first CPU of a set; as many as there are if it is empty. */
function firstOf({ machine }: HelperEnv, set: bigint): number {
  for (let cpu = 0; cpu < machine.cpus; cpu++) if ((set >> BigInt(cpu)) & 1n) return cpu;
  return machine.cpus;
}

function change(env: HelperEnv, mask: number, cpu: number, on: boolean): number {
  if (!valid(env, cpu)) return 0;
  const bit = 1n << BigInt(cpu);
  const before = bits(env, mask);
  store(env, mask, on ? before | bit : before & ~bit);
  return (before & bit) === 0n ? 0 : 1;
}

export const bpf_cpumask_create = kfunc('struct bpf_cpumask *bpf_cpumask_create()', {
  args: [],
  returns: 'map_value_or_null',
  call: ({ machine }) => machine.objects.alloc('cpumask', SIZE),
});

export const bpf_cpumask_acquire = kfunc('struct bpf_cpumask *bpf_cpumask_acquire(struct bpf_cpumask *cpumask)', {
  args: ['wide'],
  returns: 'map_value_or_null',
  call: (env, { low, high }) =>
    high === 0 && env.machine.objects.get(low) ? low : env.fail('R1 of the call is no object'),
});

export const bpf_cpumask_release = kfunc('void bpf_cpumask_release(struct bpf_cpumask *cpumask)', {
  args: ['wide'],
  returns: 'void',
  call: (env, mask) => drop(env, mask, 'cpumask'),
});

export const bpf_cpumask_first = kfunc('u32 bpf_cpumask_first(const struct cpumask *cpumask)', {
  args: ['out_64'],
  returns: 'u32',
  call: (env, mask) => firstOf(env, bits(env, mask)),
});

export const bpf_cpumask_first_zero = kfunc('u32 bpf_cpumask_first_zero(const struct cpumask *cpumask)', {
  args: ['out_64'],
  returns: 'u32',
  call: (env, mask) => firstOf(env, ~bits(env, mask)),
});

export const bpf_cpumask_first_and = kfunc(
  'u32 bpf_cpumask_first_and(const struct cpumask *src1, const struct cpumask *src2)',
  {
    args: ['out_64', 'out_64'],
    returns: 'u32',
    call: (env, one, other) => firstOf(env, bits(env, one) & bits(env, other)),
  },
);

export const bpf_cpumask_set_cpu = kfunc('void bpf_cpumask_set_cpu(u32 cpu, struct bpf_cpumask *cpumask)', {
  args: ['anything', 'out_64'],
  returns: 'void',
  call: (env, cpu, mask) => change(env, mask, cpu, true),
});

export const bpf_cpumask_clear_cpu = kfunc('void bpf_cpumask_clear_cpu(u32 cpu, struct bpf_cpumask *cpumask)', {
  args: ['anything', 'out_64'],
  returns: 'void',
  call: (env, cpu, mask) => change(env, mask, cpu, false),
});

export const bpf_cpumask_test_cpu = kfunc('bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *cpumask)', {
  args: ['anything', 'out_64'],
  returns: 'integer',
  call: (env, cpu, mask) => (valid(env, cpu) && isSet(env, mask, cpu) ? 1 : 0),
});

export const bpf_cpumask_test_and_set_cpu = kfunc(
  'bool bpf_cpumask_test_and_set_cpu(u32 cpu, struct bpf_cpumask *cpumask)',
  {
    args: ['anything', 'out_64'],
    returns: 'integer',
    call: (env, cpu, mask) => change(env, mask, cpu, true),
  },
);

export const bpf_cpumask_test_and_clear_cpu = kfunc(
  'bool bpf_cpumask_test_and_clear_cpu(u32 cpu, struct bpf_cpumask *cpumask)',
  {
    args: ['anything', 'out_64'],
    returns: 'integer',
    call: (env, cpu, mask) => change(env, mask, cpu, false),
  },
);

export const bpf_cpumask_setall = kfunc('void bpf_cpumask_setall(struct bpf_cpumask *cpumask)', {
  args: ['out_64'],
  returns: 'void',
  call(env, mask) {
    store(env, mask, all(env));
    return 0;
  },
});

export const bpf_cpumask_clear = kfunc('void bpf_cpumask_clear(struct bpf_cpumask *cpumask)', {
  args: ['out_64'],
  returns: 'void',
  call(env, mask) {
    store(env, mask, 0n);
    return 0;
  },
});

/** Whether any is in both. */
export const bpf_cpumask_and = kfunc(
  'bool bpf_cpumask_and(struct bpf_cpumask *dst, const struct cpumask *src1, const struct cpumask *src2)',
  {
    args: ['out_64', 'out_64', 'out_64'],
    returns: 'integer',
    call(env, to, one, other) {
      const both = bits(env, one) & bits(env, other);
      store(env, to, both);
      return both === 0n ? 0 : 1;
    },
  },
);

export const bpf_cpumask_or = kfunc(
  'void bpf_cpumask_or(struct bpf_cpumask *dst, const struct cpumask *src1, const struct cpumask *src2)',
  {
    args: ['out_64', 'out_64', 'out_64'],
    returns: 'void',
    call(env, to, one, other) {
      store(env, to, bits(env, one) | bits(env, other));
      return 0;
    },
  },
);

export const bpf_cpumask_xor = kfunc(
  'void bpf_cpumask_xor(struct bpf_cpumask *dst, const struct cpumask *src1, const struct cpumask *src2)',
  {
    args: ['out_64', 'out_64', 'out_64'],
    returns: 'void',
    call(env, to, one, other) {
      store(env, to, bits(env, one) ^ bits(env, other));
      return 0;
    },
  },
);

export const bpf_cpumask_equal = kfunc(
  'bool bpf_cpumask_equal(const struct cpumask *src1, const struct cpumask *src2)',
  {
    args: ['out_64', 'out_64'],
    returns: 'integer',
    call: (env, one, other) => (bits(env, one) === bits(env, other) ? 1 : 0),
  },
);

export const bpf_cpumask_intersects = kfunc(
  'bool bpf_cpumask_intersects(const struct cpumask *src1, const struct cpumask *src2)',
  {
    args: ['out_64', 'out_64'],
    returns: 'integer',
    call: (env, one, other) => ((bits(env, one) & bits(env, other)) === 0n ? 0 : 1),
  },
);

export const bpf_cpumask_subset = kfunc(
  'bool bpf_cpumask_subset(const struct cpumask *src1, const struct cpumask *src2)',
  {
    args: ['out_64', 'out_64'],
    returns: 'integer',
    call: (env, one, other) => ((bits(env, one) & ~bits(env, other)) === 0n ? 1 : 0),
  },
);

export const bpf_cpumask_empty = kfunc('bool bpf_cpumask_empty(const struct cpumask *cpumask)', {
  args: ['out_64'],
  returns: 'integer',
  call: (env, mask) => (bits(env, mask) === 0n ? 1 : 0),
});

export const bpf_cpumask_full = kfunc('bool bpf_cpumask_full(const struct cpumask *cpumask)', {
  args: ['out_64'],
  returns: 'integer',
  call: (env, mask) => (bits(env, mask) === all(env) ? 1 : 0),
});

export const bpf_cpumask_copy = kfunc('void bpf_cpumask_copy(struct bpf_cpumask *dst, const struct cpumask *src)', {
  args: ['out_64', 'out_64'],
  returns: 'void',
  call(env, to, from) {
    store(env, to, bits(env, from));
    return 0;
  },
});

/** From a bitmap, which must have a word for every CPU that there may be. */
export const bpf_cpumask_populate = kfunc(
  'int bpf_cpumask_populate(struct cpumask *cpumask, void *src, size_t src__sz)',
  {
    args: ['out_64', 'mem', 'mem_size'],
    returns: 'integer',
    call(env, mask, from, size) {
      if (size < BITMAP) return -errno.EACCES;
      store(env, mask, env.memory.dv.getBigUint64(from, true) & all(env));
      return 0;
    },
  },
);

/** Any: here the first. */
export const bpf_cpumask_any_distribute = kfunc('u32 bpf_cpumask_any_distribute(const struct cpumask *cpumask)', {
  args: ['out_64'],
  returns: 'u32',
  call: (env, mask) => firstOf(env, bits(env, mask)),
});

export const bpf_cpumask_any_and_distribute = kfunc(
  'u32 bpf_cpumask_any_and_distribute(const struct cpumask *src1, const struct cpumask *src2)',
  {
    args: ['out_64', 'out_64'],
    returns: 'u32',
    call: (env, one, other) => firstOf(env, bits(env, one) & bits(env, other)),
  },
);

export const bpf_cpumask_weight = kfunc('u32 bpf_cpumask_weight(const struct cpumask *cpumask)', {
  args: ['out_64'],
  returns: 'u32',
  call: (env, mask) => Array.from({ length: 64 }, (_, cpu) => cpu).filter((cpu) => isSet(env, mask, cpu)).length,
});
