import { describe, expect, it } from 'vitest';
import { inProcessKernels } from '../../test/support/in-process.ts';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { SysError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { BpfAttr } from '../uapi/attr.ts';
import { MAP_TYPES, PROG_TYPES, progTypeNumber } from '../uapi/bpf.ts';
import { errno } from '../uapi/errno.ts';
import { orUndefined } from './calls.ts';
import { addDevice } from './devices.ts';
import { type Features, probeFeatures } from './features.ts';

const there = (record: Readonly<Record<string, boolean>>) => Object.keys(record).filter((name) => record[name]);

/** An embedded kernel that answers the loads of programs otherwise: an errno, and what its log says. */
function answering(answer: (attr: BpfAttr<'BPF_PROG_LOAD'>) => { code: number; log?: string } | undefined): Kernel {
  const { kernel } = createEmbeddedKernel();
  const bpf: Kernel['bpf'] = (cmd, attr) => {
    const load = attr as BpfAttr<'BPF_PROG_LOAD'>; // used only if cmd says so
    const refused = cmd === 'BPF_PROG_LOAD' ? answer(load) : undefined;
    if (refused === undefined) return kernel.bpf(cmd, attr);
    load.log_buf?.set(new TextEncoder().encode(`${refused.log ?? ''}\0`));
    throw new SysError(refused.code, cmd);
  };
  return new Proxy(kernel, {
    get(target, key) {
      const value = key === 'bpf' ? bpf : Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The number of the helper that the probe's program calls; `undefined` for other programs. */
function called({ insns }: BpfAttr<'BPF_PROG_LOAD'>): number | undefined {
  return insns?.[0] === 0x85 ? new DataView(insns.buffer, insns.byteOffset).getInt32(4, true) : undefined;
}

describe.each(inProcessKernels())('the features of the %s kernel', (_name, create) => {
  let features: Features;
  it('are asked for', () => {
    using kernel = create();
    features = probeFeatures(kernel);
    expect(features.syscall).toBe(true);
  }, 60_000);

  it('have an answer for every type', () => {
    expect(Object.keys(features.programTypes)).toEqual(PROG_TYPES.slice(1));
    expect(Object.keys(features.mapTypes)).toEqual(MAP_TYPES.slice(1));
    expect(Object.keys(features.helpers)).toEqual(PROG_TYPES.slice(1));
  });

  it('have what both kernels have', () => {
    expect(there(features.programTypes)).toEqual(
      expect.arrayContaining(['socket_filter', 'sched_cls', 'sched_act', 'xdp', 'cgroup_skb']),
    );
    expect(there(features.mapTypes)).toEqual(
      expect.arrayContaining([
        'hash',
        'array',
        'prog_array',
        'percpu_hash',
        'percpu_array',
        'lru_hash',
        'lru_percpu_hash',
      ]),
    );
    expect(there(features.misc)).toEqual([
      'large_insn_limit',
      'bounded_loops',
      'v2_isa_extension',
      'v3_isa_extension',
      'v4_isa_extension',
    ]);
    expect(features.system?.options?.CONFIG_BPF_SYSCALL ?? 'y').toBe('y');
  });

  // Source: man 7 bpf-helpers.
  it.each([
    ['socket_filter', 'map_lookup_elem', true],
    ['socket_filter', 'skb_store_bytes', false],
    ['socket_filter', 'redirect', false],
    ['sched_cls', 'skb_store_bytes', true],
    ['sched_cls', 'redirect', true],
    ['sched_cls', 'xdp_adjust_head', false],
    ['xdp', 'xdp_adjust_head', true],
    ['xdp', 'skb_store_bytes', false],
    ['cgroup_skb', 'l3_csum_replace', false],
  ] as const)('%s calls %s: %s', (type, helper, want) => {
    expect(features.helpers[type]?.includes(helper)).toBe(want);
  });

  it('leave out the helpers that are loud, unless asked', () => {
    expect(features.helpers.sched_cls).not.toContain('trace_printk');
    using kernel = create();
    expect(probeFeatures(kernel, { full: true }).helpers.sched_cls).toContain('trace_printk');
  }, 60_000);

  it('leave nothing open', () => {
    using kernel = create();
    const before = bpfFds(kernel);
    probeFeatures(kernel);
    expect(bpfFds(kernel)).toEqual(before);
  }, 60_000);
});

/** The fds of maps, programs and types that are open. */
function bpfFds(kernel: Kernel): string[] {
  const fds = kernel.readdir('/proc/self/fd');
  return fds.filter((fd) => /bpf|btf/.test(orUndefined('ENOENT', () => kernel.readlink(`/proc/self/fd/${fd}`)) ?? ''));
}

describe('a helper', () => {
  const only = (type: keyof typeof progTypeNumber, attr: BpfAttr<'BPF_PROG_LOAD'>) =>
    attr.prog_type === progTypeNumber[type] ? called(attr) : undefined;

  it.each([
    ['its arguments are wrong', errno.EACCES, 'R1 type=ctx expected=map_ptr', true],
    ['its number is too high', errno.EINVAL, 'invalid func 25', false],
    ['it is not known', errno.EINVAL, 'invalid func unknown#212', false],
    ['it is not for this type', errno.EINVAL, 'unknown func bpf_redirect#23', false],
    [
      'it is not for this type (Linux 6.10)',
      errno.EINVAL,
      'program of this type cannot use helper bpf_redirect#23',
      false,
    ],
    ["the device's driver lacks it", errno.EOPNOTSUPP, 'unsupported function id: 23', false],
    ['it is not permitted', errno.EPERM, 'R1 type=ctx expected=map_ptr', false],
    ['nobody looked at it', errno.EINVAL, '', false],
  ])('where %s', (_why, code, log, want) => {
    const kernel = answering((attr) => (only('xdp', attr) === 23 ? { code, log } : undefined));
    const helpers = probeFeatures(kernel).helpers.xdp;
    expect(helpers?.includes('redirect')).toBe(want);
    expect(helpers).toContain('xdp_adjust_head');
  });
});

describe('a type whose programs belong to something', () => {
  it.each([
    ['tracing', errno.EINVAL, 'attach_btf_id 1 is not a function', true],
    ['tracing', errno.EINVAL, 'FENTRY is not known', false],
    ['tracing', errno.EPERM, 'attach_btf_id 1 is not a function', false],
    ['ext', errno.EINVAL, 'Cannot replace kernel functions', true],
    ['ext', errno.EINVAL, '', false],
    ['struct_ops', errno.ENOTSUPP, 'attach_btf_id 1 is not a supported struct', true],
    ['struct_ops', errno.ENOTSUPP, '', false],
    ['lsm', errno.EINVAL, 'attach_btf_id 1 is not a function', true],
  ] as const)('%s, refused with %i and %j', (type, code, log, want) => {
    const kernel = answering((attr) => (attr.prog_type === progTypeNumber[type] ? { code, log } : undefined));
    const { programTypes, helpers } = probeFeatures(kernel);
    expect(programTypes[type]).toBe(want);
    expect(helpers[type]).toEqual([]);
  });
});

it('a kernel without bpf(2) has nothing', () => {
  const { syscall, programTypes, mapTypes, helpers, misc } = probeFeatures(answering(() => ({ code: errno.ENOSYS })));
  expect({ syscall, programTypes, mapTypes, helpers, misc }).toEqual({
    syscall: false,
    programTypes: {},
    mapTypes: {},
    helpers: {},
    misc: {},
  });
});

it('a kernel that permits nothing seems to have no programs', () => {
  const { syscall, programTypes, misc } = probeFeatures(answering(() => ({ code: errno.EPERM })));
  expect([syscall, there(programTypes), there(misc)]).toEqual([true, [], []]);
});

it('a device is asked for what devices run', () => {
  const { kernel } = createEmbeddedKernel();
  addDevice(kernel, { kind: 'dummy', name: 'd0' });
  const { system, programTypes, mapTypes, helpers } = probeFeatures(kernel, { device: 'd0' });
  expect({ system, programTypes, mapTypes, helpers }).toEqual({
    system: undefined,
    programTypes: { sched_cls: false, xdp: false },
    mapTypes: { hash: false, array: false },
    helpers: { sched_cls: [], xdp: [] },
  });
  expect(() => probeFeatures(kernel, { device: 'none' })).toThrow(/none.*no such device/i);
});
