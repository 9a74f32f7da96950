import { BtfBuilder } from '../btf/index.ts';
import { loadableBtf } from '../object/loadable-btf.ts';
import { BTF_FEATURES, type BtfFeature, olderBtf } from '../object/older-btf.ts';
import type { ObjectSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import { BPF_F_TOKEN_FD } from '../uapi/bpf.ts';
import type { Fd } from '../uapi/fd.ts';
import { orUndefined } from './calls.ts';

/**
 * Loads the BTF of an object; what the kernel is too old for is replaced. BTF is worth having, not worth failing for: `undefined` if the kernel still
 * refuses it, and the object is loaded without. `token`: the right to load it, where that is not the process's own.
 */
export function loadObjectBtf(kernel: Kernel, spec: ObjectSpec, token?: Fd | undefined): Fd | undefined {
  if (spec.btf === undefined) return undefined;
  const btf = loadableBtf(spec.btf);
  const fd = loadBtf(kernel, btf, token);
  if (fd !== undefined) return fd;
  const lacks = lackingFeatures(kernel, token);
  return lacks.size === 0 ? undefined : loadBtf(kernel, olderBtf(btf, lacks), token);
}

function loadBtf(kernel: Kernel, btf: Uint8Array, token: Fd | undefined): Fd | undefined {
  const right = token === undefined ? {} : { btf_flags: BPF_F_TOKEN_FD, btf_token_fd: token };
  return orUndefined(['EINVAL', 'EPERM', 'E2BIG'], () =>
    kernel.bpf('BPF_BTF_LOAD', { btf, btf_size: btf.length, ...right }),
  );
}

const known = new WeakMap<Kernel, ReadonlySet<BtfFeature>>();

/** What the kernel does not take in BTF, found out by asking once. */
function lackingFeatures(kernel: Kernel, token: Fd | undefined): ReadonlySet<BtfFeature> {
  const cached = known.get(kernel);
  if (cached !== undefined) return cached;
  const features = Object.keys(BTF_FEATURES) as BtfFeature[]; // keys of the table
  const lacks = new Set(features.filter((feature) => !takes(kernel, token, PROBES[feature])));
  known.set(kernel, lacks);
  return lacks;
}

function takes(kernel: Kernel, token: Fd | undefined, add: (types: BtfBuilder, int: number) => void): boolean {
  const types = new BtfBuilder();
  add(types, types.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' }));
  const fd = loadBtf(kernel, types.bytes(), token);
  if (fd === undefined) return false;
  kernel.close(fd);
  return true;
}

/** The least that only a kernel with the feature takes. */
const PROBES: { readonly [F in BtfFeature]: (types: BtfBuilder, int: number) => void } = {
  float: (types) => types.add({ kind: 'float', name: 'float', size: 4 }),
  decl_tag(types, int) {
    const typeId = types.add({ kind: 'var', name: 'x', typeId: int, linkage: 0 });
    types.add({ kind: 'decl_tag', name: 'tag', typeId, component: -1 });
  },
  type_tag(types, int) {
    const typeId = types.add({ kind: 'type_tag', name: 'tag', typeId: int });
    types.add({ kind: 'ptr', name: '', typeId });
  },
  signed_enum: (types) =>
    types.add({ kind: 'enum', name: 'e', size: 4, signed: true, values: [{ name: 'A', value: -1n }] }),
  enum64: (types) =>
    types.add({ kind: 'enum64', name: 'e', size: 8, signed: false, values: [{ name: 'A', value: 1n }] }),
  section_name(types, int) {
    const typeId = types.add({ kind: 'var', name: 'x', typeId: int, linkage: 0 });
    types.add({ kind: 'datasec', name: '?.x', size: 4, variables: [{ typeId, offset: 0, size: 4 }] });
  },
};
