import { describe, expect, it } from 'vitest';
import { linuxWorks, withLinux } from '../../../test/support/linux.ts';
import { O_NONBLOCK, O_RDONLY } from '../../sys/kernel.ts';
import { mapTypeNumber } from '../../uapi/bpf.ts';
import type { Fd } from '../../uapi/fd.ts';
import { createLinuxKernel, type LinuxKernel } from './index.ts';

const works = linuxWorks();
const code = (name: string) => expect.objectContaining({ name: 'SysError', code: name });

describe.skipIf(!works)('files and waiting', () => {
  it('reads procfs as this process', () =>
    withLinux((kernel, opened) => {
      const map = kernel.bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: 8, max_entries: 1 });
      const file = kernel.open(`/proc/self/fdinfo/${map}`, O_RDONLY);
      opened.push(map, file);
      const buffer = new Uint8Array(4096);
      const n = kernel.read(file, buffer);
      expect(new TextDecoder().decode(buffer.subarray(0, n))).toContain('map_type:\t2');
      expect(kernel.read(file, buffer)).toBe(0);
      expect(() => kernel.read(99999 as Fd, buffer)).toThrow(code('EBADF'));
      expect(() => kernel.close(-1 as Fd)).toThrow(code('EBADF'));
    }));

  /** An eventless descriptor: the read end of a FIFO-like thing would need a file, a ring buffer does not. */
  const ringbuf = (kernel: LinuxKernel): Fd =>
    kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber.ringbuf, max_entries: 4096 });

  it('ends a wait by time, by signal, and at once for what never blocks', async () => {
    using kernel = createLinuxKernel();
    const idle = ringbuf(kernel);
    const file = kernel.open('/proc/self/status', O_RDONLY | O_NONBLOCK);
    const ordinary = kernel.open('/etc/passwd', O_RDONLY);
    expect(await kernel.wait([idle], { timeoutMs: 5 })).toEqual([]);
    expect(await kernel.wait([idle, idle], { timeoutMs: 0 })).toEqual([]);
    expect(await kernel.wait([idle, ordinary])).toEqual([ordinary]);
    const abort = new AbortController();
    const waiting = [kernel.wait([idle], { signal: abort.signal }), kernel.wait([idle], { signal: abort.signal })];
    abort.abort(new Error('enough'));
    for (const one of waiting) await expect(one).rejects.toThrow('enough');
    await expect(kernel.wait([idle], { signal: abort.signal })).rejects.toThrow('enough');
    await expect(kernel.wait([99999 as Fd])).rejects.toThrow(code('EBADF'));
    for (const fd of [idle, file, ordinary]) kernel.close(fd);
  });
});
