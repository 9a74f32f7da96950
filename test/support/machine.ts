import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { SysError } from '../../src/errors.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { errno } from '../../src/uapi/errno.ts';
import type { Fd } from '../../src/uapi/fd.ts';

/** What a machine shows: texts or errnos by path, kinds of file systems by path, and what bpf(2) answers. */
export interface Shown {
  readonly files: Readonly<Record<string, string | number>>;
  readonly mounts: Readonly<Record<string, number>>;
  readonly bpf: number;
}

/** An embedded kernel that shows just that, as if it were another machine. */
export function machine({ files, mounts, bpf }: Shown): Kernel {
  const { kernel } = createEmbeddedKernel();
  const texts = new Map<Fd, Uint8Array>();
  const refuse = (code: number, call: string): never => {
    throw new SysError(code, call);
  };
  const text = (path: string, call: string): string => {
    const file = Object.hasOwn(files, path) ? files[path] : errno.ENOENT;
    return typeof file === 'string' ? file : refuse(file ?? errno.ENOENT, call);
  };
  const answers: Partial<Kernel> = {
    open(path) {
      const bytes = new TextEncoder().encode(text(path, 'open'));
      const fd = (100 + texts.size) as Fd; // the brand's origin
      texts.set(fd, bytes);
      return fd;
    },
    read(fd, buffer) {
      const bytes = texts.get(fd) ?? new Uint8Array(0);
      const n = Math.min(bytes.length, buffer.length);
      buffer.set(bytes.subarray(0, n));
      texts.set(fd, bytes.subarray(n));
      return n;
    },
    close(fd) {
      if (!texts.has(fd)) kernel.close(fd);
    },
    stat(path) {
      text(path, 'stat');
      return kernel.stat('/');
    },
    fsType: (path) => (Object.hasOwn(mounts, path) ? (mounts[path] ?? 0) : refuse(errno.ENOENT, 'statfs')),
    bpf: (cmd, attr) => (bpf === 0 ? kernel.bpf(cmd, attr) : refuse(bpf, cmd)),
  };
  return answering(kernel, answers);
}

/** The kernel, with other answers to some calls. */
export function answering(kernel: Kernel, answers: Partial<Kernel>): Kernel {
  return new Proxy(kernel, {
    get(target, key) {
      const answer = Reflect.get(answers, key) ?? Reflect.get(target, key);
      return typeof answer === 'function' ? answer.bind(target) : answer;
    },
  });
}
