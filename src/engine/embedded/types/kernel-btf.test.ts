import { expect, it } from 'vitest';
import { parseBtf } from '../../../btf/index.ts';
import { ObjectError } from '../../../errors.ts';
import { kernelBtf } from '../../../loader/kernel-btf.ts';
import { createEmbeddedKernel } from '../embedded.ts';
import { embeddedKernelBtf } from './kernel-btf.ts';

/** Offset in bytes and size of each member of a struct. */
function members(name: string): Record<string, readonly [number, number]> {
  const btf = parseBtf(embeddedKernelBtf());
  const type = btf.type(btf.find('struct', name) ?? 0);
  if (type.kind !== 'struct') throw new Error(`no struct ${name}`);
  return Object.fromEntries(type.members.map((m) => [m.name, [m.bitOffset / 8, btf.size(m.typeId)] as const]));
}

it('structs have the layout of C', () => {
  expect(members('__sk_buff')).toMatchObject({
    cb: [48, 20],
    data: [76, 4],
    flow_keys: [144, 8],
    tstamp: [152, 8],
    sk: [168, 8],
    gso_size: [176, 4],
    tstamp_type: [180, 1],
    hwtstamp: [184, 8],
  });
  expect(members('bpf_sock_addr')).toMatchObject({ user_ip6: [8, 16], msg_src_ip6: [44, 16], sk: [64, 8] });
});

it('a caller says which types the kernel has', () => {
  const bytes = embeddedKernelBtf();
  using other = createEmbeddedKernel({ btf: bytes });
  expect(kernelBtf(other.kernel).typeCount).toBe(parseBtf(bytes).typeCount);
  expect(() => createEmbeddedKernel({ btf: bytes.subarray(0, 20) })).toThrow(ObjectError);
});
