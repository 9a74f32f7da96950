import { TRACEFS_MAGIC } from '../../sys/kernel.ts';
import { TRACEFS } from '../attach/tracefs.ts';
import { findBpffs } from '../bpffs.ts';
import { orUndefined } from '../calls.ts';
import { cgroupsMount } from '../cgroups.ts';
import { VMLINUX } from '../kernel-btf.ts';
import { type Check, isThere, missing, NOT_SHOWN, ok, rebuild } from './check.ts';

/** What of a kernel is seen as files, and where it has to be mounted for that. */
export const FILE_CHECKS: readonly Check[] = [
  {
    what: 'BTF',
    source: VMLINUX,
    why: "the kernel's types: CO-RE, fentry, LSM, iterators, kfuncs, struct_ops; CO-RE alone is content with `kernel_btf FILE`",
    essential: false,
    look: ({ kernel }) =>
      isThere(kernel, VMLINUX)
        ? ok('there')
        : missing('not there', rebuild('DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT', 'DEBUG_INFO_BTF')),
  },
  {
    what: 'bpffs',
    source: 'statfs /sys/fs/bpf, /proc/mounts',
    why: 'pins live there; skep and tc mount it when they need it and may',
    essential: false,
    look({ kernel }) {
      const path = findBpffs(kernel);
      return path === undefined ? missing('not mounted', 'sudo mount -t bpf bpf /sys/fs/bpf') : ok(path);
    },
  },
  {
    what: 'tracefs',
    source: `statfs ${TRACEFS.join(', ')}`,
    why: 'what programs print, and the numbers of tracepoints',
    essential: false,
    look({ kernel }) {
      const path = TRACEFS.find((root) => orUndefined(NOT_SHOWN, () => kernel.fsType(root)) === TRACEFS_MAGIC);
      return path === undefined
        ? missing('not mounted', 'sudo mount -t tracefs tracefs /sys/kernel/tracing')
        : ok(path);
    },
  },
  {
    what: 'cgroup2',
    source: '/proc/mounts',
    why: 'programs are attached to cgroups by their directories',
    essential: false,
    look({ kernel }) {
      const path = cgroupsMount(kernel);
      return path === undefined ? missing('not mounted', 'sudo mount -t cgroup2 none /sys/fs/cgroup') : ok(path);
    },
  },
];
