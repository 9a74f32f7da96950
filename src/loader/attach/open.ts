import type { Kernel } from '../../sys/kernel.ts';
import { O_RDONLY } from '../../sys/kernel.ts';
import type { Fd } from '../../uapi/fd.ts';

/** Runs `use` with an fd of a directory or file that names something: a cgroup, a namespace. */
export function withOpened<T>(kernel: Kernel, path: string, use: (fd: Fd) => T): T {
  const fd = kernel.open(path, O_RDONLY);
  try {
    return use(fd);
  } finally {
    kernel.close(fd);
  }
}
