import { beforeEach, describe, expect, it } from 'vitest';
import { allowedHelpers } from '../../src/engine/embedded/helpers/allowed.ts';
import { type ArgProto, helperProto } from '../../src/engine/embedded/verifier/prototypes.ts';
import type { Insn } from '../../src/isa/index.ts';
import {
  type AttachType,
  attachTypeNumber,
  BPF_F_RDONLY_PROG,
  BPF_F_SLEEPABLE,
  mapTypeNumber,
  PROG_TYPES,
  type ProgType,
} from '../../src/uapi/bpf.ts';
import { HELPERS, type HelperName } from '../../src/uapi/helpers.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { withLinux } from '../support/linux.ts';
import { isAtLeast, running, skipBefore } from '../support/since.ts';
import { type Load, verifierLog } from '../support/verifier-log.ts';

type Code = readonly (Partial<Insn> | readonly Partial<Insn>[])[];

/** A hook of the types that need one. */
const HOOKS: Partial<Record<ProgType, AttachType>> = {
  cgroup_sock: 'cgroup_inet_sock_create',
  cgroup_sock_addr: 'cgroup_inet4_connect',
  cgroup_sockopt: 'cgroup_setsockopt',
  cgroup_sysctl: 'cgroup_sysctl',
  cgroup_device: 'cgroup_device',
  sock_ops: 'cgroup_sock_ops',
  sk_lookup: 'sk_lookup',
  netfilter: 'netfilter',
  flow_dissector: 'flow_dissector',
  sk_reuseport: 'sk_reuseport_select',
};
/** What needs a function of the kernel, a driver or nothing at all to load. */
const NOT_ALONE: readonly ProgType[] = ['unspec', 'lirc_mode2', 'tracing', 'struct_ops', 'ext', 'lsm'];
const TYPES = PROG_TYPES.filter((type) => !NOT_ALONE.includes(type));
/** What the verifier lets in for no other reason than who calls: `sk_storage_*` and `d_path` need a function that is traced. */
const NEEDS_TARGET: readonly HelperName[] = ['sk_storage_get', 'sk_storage_delete', 'd_path'];

/** What programs of a type may not call any more, from Linux 7.3 on. */
const GONE: Partial<Record<ProgType, HelperName>> = { lwt_seg6local: 'skb_pull_data' };

const MEMORY = 'fp, pkt, pkt_meta, map_key, map_value';
/** How the list of the types that it would take begins, in the verifier's complaint. */
const EXPECTED: Partial<Record<ArgProto['base'], string>> = {
  ctx: 'ctx',
  const_map_ptr: 'map_ptr',
  map_key: MEMORY,
  map_value: MEMORY,
  mem: MEMORY,
  stack: 'fp',
  const_str: 'map_value',
  sock_common: 'sock_common, sock, tcp_sock, xdp_sock',
  socket: 'sock',
  btf_id_sock_common: 'sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_',
  btf_id: 'ptr_, trusted_ptr_, rcu_ptr_',
  func: 'func',
  timer: 'map_value',
  spin_lock: 'map_value',
  ringbuf_mem: 'ringbuf_mem',
  percpu_btf_id: 'percpu_ptr_, percpu_rcu_ptr_, percpu_trusted_ptr_',
  dynptr: 'fp, dynptr_ptr',
  kptr_xchg_dest: 'map_value, ptr_',
};

/** What can be made of nothing. */
const AT_HAND = new Set<ArgProto['base']>([
  'ctx',
  'anything',
  'const_size',
  'const_size_or_zero',
  'const_alloc_size_or_zero',
  'const_map_ptr',
  'map_key',
  'map_value',
  'mem',
  'stack',
  'const_str',
]);

describe('prototypes of helpers are those of linux', () => {
  beforeEach((context) => skipBefore(context, '6.18', 'prototypes as they are since then'));

  it.each(TYPES)('%s', (type) => {
    withLinux((kernel, opened) => {
      const make = (map_type: number, value_size: number, map_flags: number) => {
        const fd = kernel.bpf('BPF_MAP_CREATE', { map_type, key_size: 4, value_size, max_entries: 1, map_flags });
        opened.push(fd);
        return fd;
      };
      const map = make(mapTypeNumber.hash, 8, 0);
      const frozen = make(mapTypeNumber.array, 64, BPF_F_RDONLY_PROG);
      kernel.bpf('BPF_MAP_FREEZE', { map_fd: frozen });

      const hook = HOOKS[type];
      const attachType = hook === undefined ? 0 : attachTypeNumber[hook];
      const sleepable = type === 'syscall';
      const attr: Load = { type, expected_attach_type: attachType, prog_flags: sleepable ? BPF_F_SLEEPABLE : 0 };

      /** The stack is initialised, r6 is the context, r1 to r5 are not readable. */
      const call = (name: HelperName, setup: Code, license: string) => {
        const stack = Array.from({ length: 8 }, (_, n) => I.storeImm(8, 10, -8 * (n + 1), 0));
        const clobber = I.call(HELPERS.indexOf('ktime_get_ns'));
        const insns = bytecode(
          I.movReg(6, 1),
          ...stack,
          clobber,
          ...setup,
          I.call(HELPERS.indexOf(name)),
          I.mov(0, 0),
          I.exit,
        );
        return verifierLog(kernel, insns, { ...attr, license });
      };
      const fill = (reg: number, { base }: ArgProto): Code => {
        if (base === 'ctx') return [I.movReg(reg, 6)];
        if (base === 'const_map_ptr') return [I.mapFd(reg, map)];
        if (base === 'const_str') return [I.mapValue(reg, frozen, 0)];
        if (base.startsWith('const')) return [I.mov(reg, 8)];
        return base === 'anything' ? [I.mov(reg, 0)] : [I.movReg(reg, 10), I.add(reg, -64)];
      };
      const wrong = (reg: number, { base }: ArgProto): Code =>
        base === 'const_map_ptr' ? [I.mov(reg, 0)] : [I.mapFd(reg, map)];

      for (const name of allowedHelpers(type, attachType)) {
        const { args, gplOnly } = helperProto(name, type, attachType, sleepable);
        const seen: unknown[] = [name, /cannot call GPL-restricted/.test(call(name, [], 'MIT'))];
        const known: unknown[] = [name, gplOnly];
        if (isAtLeast(running, '7.3') && GONE[type] === name) continue;
        if (name === 'tail_call' || NEEDS_TARGET.includes(name)) continue;
        if (/helper call might sleep|sleepable helper/.test(call(name, [], 'GPL'))) {
          expect(helperProto(name, type, attachType, sleepable).mightSleep, name).toBe(true);
          continue;
        }
        for (const [n, arg] of args.entries()) {
          const reg = n + 1;
          const before = args.slice(0, n).flatMap((other, m) => fill(m + 1, other));
          const after = args.slice(reg).flatMap((other, m) => fill(reg + 1 + m, other));
          const expected = EXPECTED[arg.base];
          known.push(`R${reg} !read_ok`);
          seen.push(/^R\d !read_ok/m.exec(call(name, before, 'GPL'))?.[0]);
          if (expected !== undefined) {
            const log = call(name, [...before, ...wrong(reg, arg), ...after], 'GPL');
            known.push(`R${reg} ${expected}`);
            seen.push(
              /^R\d type=\w+ expected=.*/m
                .exec(log)?.[0]
                .replace(/type=.*expected=/, '')
                .slice(0, 3 + expected.length),
            );
          }
          if (arg.base === 'mem' || arg.base === 'map_value') {
            const log = call(name, [...before, I.mapValue(reg, frozen, 0), ...after], 'GPL');
            known.push(arg.write);
            seen.push(/^write into map forbidden/m.test(log));
          }
          if (!AT_HAND.has(arg.base)) break;
        }
        if (args.length < 5 && args.every(({ base }) => AT_HAND.has(base))) {
          const all = args.flatMap((arg, n) => fill(n + 1, arg));
          known.push(undefined);
          seen.push(/^R\d !read_ok/m.exec(call(name, all, 'GPL'))?.[0]);
        }
        expect(seen).toEqual(known);
      }
    });
  });
});
