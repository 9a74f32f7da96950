import type { Btf } from '../../../btf/index.ts';
import type { HelperEnv, Wide } from '../helpers/helper.ts';
import { objectFields, type ValueField } from '../maps/value-fields.ts';
import type { ObjectKind } from '../objects/objects.ts';
import { kfunc } from './kfunc.ts';

/** An object of a struct of the program's own types, zeroed; 0 if there is no memory. */
export const bpf_obj_new_impl = kfunc('void *bpf_obj_new_impl(u64 local_type_id__k, void *meta__ign)', {
  args: ['u64'],
  returns: 'map_value_or_null',
  call: (env, typeId) => create(env, typeId, 'struct'),
});

/** Likewise one for each CPU; `bpf_this_cpu_ptr` and `bpf_per_cpu_ptr` tell where they are. */
export const bpf_percpu_obj_new_impl = kfunc('void *bpf_percpu_obj_new_impl(u64 local_type_id__k, void *meta__ign)', {
  args: ['u64'],
  returns: 'map_value_or_null',
  call: (env, typeId) => create(env, typeId, 'percpu'),
});

export const bpf_obj_drop_impl = kfunc('void bpf_obj_drop_impl(void *p__alloc, void *meta__ign)', {
  args: ['wide'],
  returns: 'void',
  call: (env, object) => drop(env, object, 'struct'),
});

export const bpf_percpu_obj_drop_impl = kfunc('void bpf_percpu_obj_drop_impl(void *p__alloc, void *meta__ign)', {
  args: ['wide'],
  returns: 'void',
  call: (env, object) => drop(env, object, 'percpu'),
});

export const bpf_refcount_acquire_impl = kfunc(
  'void *bpf_refcount_acquire_impl(void *p__refcounted_kptr, void *meta__ign)',
  {
    args: ['wide'],
    underLock: true,
    returns: 'map_value_or_null',
    call: (env, { low, high }) =>
      high === 0 && env.machine.objects.get(low) ? low : env.fail('R1 of the call is no object'),
  },
);

/** 0, or a fault: it is no such object. */
export function drop(env: HelperEnv, { low, high }: Wide, kind: ObjectKind): number {
  return high === 0 && env.machine.objects.put(low, kind) ? 0 : env.fail('R1 of the call is no object');
}

function create(env: HelperEnv, typeId: number, kind: ObjectKind): number {
  const btf = env.program?.attr.btf?.btf;
  const struct = btf && layoutOf(btf, typeId);
  if (struct === undefined) return env.fail('R1 of the call is no struct of the program');
  return env.machine.objects.alloc(kind, struct.size, struct.fields);
}

interface Layout {
  readonly size: number;
  readonly fields: readonly ValueField[];
}
const layouts = new WeakMap<Btf, Map<number, Layout | undefined>>();

/** `undefined`: it is no struct. */
function layoutOf(btf: Btf, typeId: number): Layout | undefined {
  let known = layouts.get(btf);
  if (known === undefined) {
    known = new Map();
    layouts.set(btf, known);
  }
  if (!known.has(typeId)) {
    const type = typeId < btf.typeCount ? btf.type(typeId) : undefined;
    known.set(typeId, type?.kind === 'struct' ? { size: type.size, fields: objectFields(btf, type) } : undefined);
  }
  return known.get(typeId);
}
