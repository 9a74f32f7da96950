import { expect, it } from 'vitest';
import { attachToCgroup, load, openObject } from '../../src/index.ts';
import { findCgroups } from '../../src/loader/cgroups.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { attachTypeNumber } from '../../src/uapi/bpf.ts';
import { BPF_F_ALLOW_MULTI, BPF_F_QUERY_EFFECTIVE } from '../../src/uapi/link.ts';
import { objectBytes } from '../support/objects.ts';
import { outcome } from './session.ts';

const O_DIRECTORY = 0o200000;
const SOCK_DGRAM = 2;
const [EPERM, EACCES] = [-1, -13];
const attach_type = attachTypeNumber.lsm_cgroup;

/** What a process does that the hooks are asked about. */
export interface LsmDriver {
  readonly kernel: Kernel;
  /** Moves the process into the cgroup with this directory. */
  enter(path: string): void;
  /** Makes a socket for UDP over IPv4. */
  createSocket(): void;
}

/** The same programs on every kernel. */
export function lsmCgroup({ kernel, enter, createSocket }: LsmDriver): void {
  const object = openObject(objectBytes('test/objects/lsm_cgroup.o'), { file: 'lsm_cgroup.o' });
  const only = (...names: readonly string[]) =>
    load(kernel, object, { programs: object.spec.programs.filter(({ name }) => names.includes(name)) });

  /** With a cgroup and one in it. */
  function inCgroups(use: (outer: string, inner: string) => void): void {
    const home = findCgroups(kernel);
    const outer = `${home}/skep-lsm-${process.pid}`;
    const inner = `${outer}/inner`;
    for (const path of [outer, inner]) kernel.mkdir(path, 0o755);
    try {
      use(outer, inner);
    } finally {
      enter(home);
      for (const path of [inner, outer]) kernel.rmdir(path);
    }
  }

  it('processes of the cgroup are refused, and no others', () => {
    inCgroups((outer, inner) => {
      using loaded = only('create');
      using link = attachToCgroup(loaded.program('create'), outer, 'lsm_cgroup');
      expect(link.info).toMatchObject({ type: 'cgroup', attachType: 'lsm_cgroup' });
      expect(outcome(createSocket)).toBe('ok');
      enter(inner);
      expect(outcome(createSocket)).toBe('EPERM');
      expect(outcome(createSocket)).toBe('EPERM');
      const numbers = (loaded.globals.seen as bigint[]).map(Number); // __s64[16]
      expect(numbers.slice(0, 5)).toEqual([2, SOCK_DGRAM, 0, 0, 2]);
    });
  });

  it('a program says with what', () => {
    inCgroups((outer, inner) => {
      using loaded = only('create', 'other_error');
      using _above = attachToCgroup(loaded.program('other_error'), outer, 'lsm_cgroup');
      using _here = attachToCgroup(loaded.program('create'), inner, 'lsm_cgroup');
      enter(inner);
      expect(outcome(createSocket)).toBe('EACCES');
      expect((loaded.globals.seen as bigint[]).map(Number).slice(5, 8)).toEqual([EPERM, 0, EACCES]);
    });
  });

  it('each hook has programs of its own', () => {
    inCgroups((outer, inner) => {
      using loaded = only('create', 'binds');
      const target_fd = kernel.open(outer, O_DIRECTORY);
      const inner_fd = kernel.open(inner, O_DIRECTORY);
      try {
        const ids = ['create', 'binds'].map((name) => loaded.program(name).info.id);
        const [create = 0, binds = 0] = ['create', 'binds'].map((name) => loaded.program(name).fd);
        const attach = (attach_bpf_fd: number, attach_flags = 0) =>
          outcome(() => kernel.bpf('BPF_PROG_ATTACH', { target_fd, attach_bpf_fd, attach_type, attach_flags }));
        expect(attach(create, BPF_F_ALLOW_MULTI)).toBe('ok');
        expect(attach(create, BPF_F_ALLOW_MULTI)).toBe('EINVAL');
        expect(attach(create)).toBe('EPERM');
        expect(attach(binds)).toBe('ok');
        const query = (fd: number, query_flags = 0, flags = true) => {
          const [prog_ids, prog_attach_flags] = [new Uint32Array(4), new Uint32Array(4)];
          const attr = { target_fd: fd, attach_type, query_flags, count: 4, prog_ids };
          const answer = outcome(() => kernel.bpf('BPF_PROG_QUERY', flags ? { ...attr, prog_attach_flags } : attr));
          return [answer, [...prog_ids], flags ? [...prog_attach_flags] : undefined];
        };
        expect(query(target_fd)).toEqual(['ok', [...ids, 0, 0], [BPF_F_ALLOW_MULTI, 0, 0, 0]]);
        expect(query(target_fd, 0, false)[0]).toBe('EINVAL');
        expect(query(inner_fd)).toEqual(['ok', [0, 0, 0, 0], [0, 0, 0, 0]]);
        expect(query(inner_fd, BPF_F_QUERY_EFFECTIVE, false)).toEqual(['ok', [...ids, 0, 0], undefined]);
        const detach = (attach_bpf_fd: number) =>
          outcome(() => kernel.bpf('BPF_PROG_DETACH', { target_fd, attach_bpf_fd, attach_type }));
        expect([detach(create), detach(create), detach(binds), detach(binds)]).toEqual([
          'ok',
          'ENOENT',
          'ok',
          'ENOENT',
        ]);
      } finally {
        for (const fd of [target_fd, inner_fd]) kernel.close(fd);
      }
    });
  });

  it.each([
    ['too_free', /Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!/],
    ['too_much', /At program exit the register R0 has smin=2 smax=2 should have been in \[0, 1\]/],
  ])('%s is refused', (name, message) => {
    expect(() => only(name)).toThrow(message);
  });
}
