import type { Fd } from '../../src/uapi/fd.ts';
import type { Ioctl } from '../../src/uapi/perf.ts';
import type { Row } from './suite.ts';

/** An fd that no kernel has handed out. */
const NONE = 999 as Fd;

/** What events there are is another matter on each kernel; that nothing else is taken for one is the same. */
export const ioctlRows: readonly Row[] = [
  ['of no fd', (s) => s.kernel.ioctl(NONE, 'PERF_EVENT_IOC_ENABLE', 0), 'EBADF'],
  ['of a map', (s) => s.kernel.ioctl(s.map('hash'), 'PERF_EVENT_IOC_ENABLE', 0), 'ENOTTY'],
  ['of a program', (s) => s.kernel.ioctl(s.prog(), 'PERF_EVENT_IOC_SET_BPF', 0), 'ENOTTY'],
  // What the types forbid.
  ['a request that the seam does not have', (s) => s.kernel.ioctl(s.map('hash'), 'TIOCSTI' as Ioctl, 0), 'EINVAL'],
  ['an argument that is no number of 32 bits', (s) => s.kernel.ioctl(NONE, 'PERF_EVENT_IOC_RESET', 2 ** 40), 'EINVAL'],
];
