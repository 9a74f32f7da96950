import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mapBtf } from '../../../test/contract/btf.ts';
import { BpfError } from '../../errors.ts';
import { readText } from '../../loader/calls.ts';
import { BPF_COMMANDS, type BpfCmd } from '../../uapi/attr.ts';
import type { Fd } from '../../uapi/fd.ts';
import { createEmbeddedKernel } from './index.ts';
import { Machine } from './machine.ts';

const HASH = { map_type: 1, key_size: 4, value_size: 8, max_entries: 4 };
const code = (name: string) => expect.objectContaining({ name: 'SysError', code: name });

describe('processes', () => {
  it('have fds of their own and share what those lead to', () => {
    using machine = createEmbeddedKernel();
    const [a, b] = [machine.kernel, machine.openProcess()];
    const map = a.bpf('BPF_MAP_CREATE', HASH);
    a.bpf('BPF_OBJ_PIN', { pathname: '/sys/fs/bpf/m', bpf_fd: map });
    expect(() => b.bpf('BPF_MAP_FREEZE', { map_fd: map })).toThrow(code('EBADF'));
    const got = b.bpf('BPF_OBJ_GET', { pathname: '/sys/fs/bpf/m' });
    a.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: map, key: Uint8Array.of(1, 0, 0, 0), value: new Uint8Array(8).fill(9) });
    const value = new Uint8Array(8);
    b.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: got, key: Uint8Array.of(1, 0, 0, 0), value });
    expect(value[0]).toBe(9);
  });

  it('close their fds when they end, and make no calls afterwards', () => {
    using machine = createEmbeddedKernel();
    const other = machine.openProcess();
    other.bpf('BPF_MAP_CREATE', HASH);
    other[Symbol.dispose]();
    expect(() => machine.kernel.bpf('BPF_MAP_GET_NEXT_ID', {})).toThrow(code('ENOENT'));
    expect(() => other.readdir('/')).toThrow(code('EBADF'));
    other[Symbol.dispose]();
  });

  it('may have 65536 fds', () => {
    using machine = createEmbeddedKernel();
    const { kernel } = machine;
    const map = kernel.bpf('BPF_MAP_CREATE', HASH);
    const attr = { map_id: 1 };
    for (let i = 1; i < 65536; i++) kernel.bpf('BPF_MAP_GET_FD_BY_ID', attr);
    expect(() => kernel.bpf('BPF_MAP_GET_FD_BY_ID', attr)).toThrow(code('EMFILE'));
    kernel.close(map);
    expect(kernel.bpf('BPF_MAP_GET_FD_BY_ID', attr)).toBe(map);
  });

  it('cannot fill the memory with names or BTF', () => {
    const machine = new Machine();
    using process = machine.openProcess();
    process.mkdir('/sys/fs/bpf/d', 0o700);
    for (let n = 1; n < 131072; n++) process.symlink('x', `/sys/fs/bpf/d/${n}`);
    expect(() => process.mkdir('/sys/fs/bpf/more', 0o700)).toThrow(code('ENOSPC'));
    process.unlink('/sys/fs/bpf/d/1');
    process.mkdir('/sys/fs/bpf/more', 0o700);

    expect(machine.charge(512 * 1024 * 1024)).toBe(true);
    const btf = mapBtf();
    expect(() => process.bpf('BPF_BTF_LOAD', { btf, btf_size: btf.length })).toThrow(code('ENOMEM'));
    machine.uncharge(512 * 1024 * 1024);
    process.close(process.bpf('BPF_BTF_LOAD', { btf, btf_size: btf.length }));
    expect(machine.charged).toBe(0);
  });

  it('has no map types that nobody has', () => {
    using machine = createEmbeddedKernel();
    expect(() => machine.kernel.bpf('BPF_MAP_CREATE', { ...HASH, map_type: 99 })).toThrow(code('EINVAL'));
  });

  it('says in /proc/uptime how long it has been running', () => {
    using machine = createEmbeddedKernel({ clock: 'manual' });
    const text = () => readText(machine.kernel, '/proc/uptime');
    expect(text()).toBe('0.00 0.00\n');
    machine.lab.clock.advance(61_050_000_000n);
    expect(text()).toBe('61.05 0.00\n');
  });

  it('answers 2000 times without growing', () => {
    using machine = createEmbeddedKernel();
    const { kernel } = machine;
    const cycle = (): void => {
      const map = kernel.bpf('BPF_MAP_CREATE', { ...HASH, max_entries: 64, value_size: 1000 });
      for (let i = 0; i < 8; i++) {
        kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: map, key: Uint8Array.of(i, 0, 0, 0), value: new Uint8Array(1000) });
      }
      kernel.close(map);
    };
    for (let i = 0; i < 10; i++) cycle();
    const before = machine.memorySize;
    for (let i = 0; i < 2000; i++) cycle();
    expect(machine.memorySize).toBe(before);
  });
});

describe('hostile callers', () => {
  const anything = fc.oneof(
    fc.anything({ maxDepth: 1 }),
    fc.integer(),
    fc.nat(12),
    fc.bigInt({ min: -1n, max: 1n << 64n }),
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom('/sys/fs/bpf/m', '/', '/proc/self/fdinfo/3', '', 'a\0b', '/sys/fs/bpf/../../..'),
  );

  it('bpf(2): any attributes are answered, or refused with an error of ours', () => {
    using machine = createEmbeddedKernel();
    const { kernel } = machine;
    for (const type of [1, 2, 3, 6])
      kernel.bpf('BPF_MAP_CREATE', { ...HASH, map_type: type, value_size: type === 3 ? 4 : 8 });
    const commands = Object.keys(BPF_COMMANDS) as BpfCmd[]; // its own keys
    const attempt = fc.constantFrom(...commands).chain((cmd) => {
      const fields = Object.keys(BPF_COMMANDS[cmd].fields).map((name) => [name, anything] as const);
      return fc.tuple(fc.constant(cmd), fc.record(Object.fromEntries(fields), { requiredKeys: [] }));
    });
    fc.assert(
      fc.property(attempt, ([cmd, attr]) => {
        refusedOrDone(() => kernel.bpf(cmd, attr as never)); // wrong on purpose
        expect(kernel.readdir('/proc/self/fdinfo').length).toBeGreaterThan(0);
      }),
      { numRuns: 3000, seed: 5 },
    );
  });

  it('bpf(2): what is no object, and what is no command', () => {
    using machine = createEmbeddedKernel();
    for (const attr of [undefined, null, 5, 'x']) {
      expect(() => machine.kernel.bpf('BPF_MAP_CREATE', attr as never)).toThrow(BpfError); // wrong on purpose
    }
    for (const cmd of ['', 'toString', '__proto__', 'x'.repeat(100_000)]) {
      expect(() => machine.kernel.bpf(cmd as BpfCmd, {})).toThrow(code('EINVAL')); // wrong on purpose
    }
  });

  it('paths: any text is answered, or refused with an error of ours', () => {
    using machine = createEmbeddedKernel();
    const { kernel } = machine;
    const part = fc.constantFrom(
      'sys',
      'fs',
      'bpf',
      'a',
      'b',
      'l',
      '.',
      '..',
      '',
      'proc',
      'self',
      'fdinfo',
      '3',
      'x.y',
      'n'.repeat(300),
    );
    const path = fc.array(part, { maxLength: 8 }).map((parts) => `/${parts.join('/')}`);
    const call = fc.constantFrom(
      'mkdir',
      'rmdir',
      'unlink',
      'rename',
      'symlink',
      'stat',
      'readdir',
      'readlink',
      'open',
      'mount',
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(call, path, path), { maxLength: 30 }), (calls) => {
        for (const [name, a, b] of calls) {
          refusedOrDone(() => {
            switch (name) {
              case 'rename':
              case 'symlink':
                return kernel[name](a, b);
              case 'mkdir':
              case 'open':
                return kernel[name](a, 0o700);
              case 'mount':
                return kernel.mount(a, b, 'bpf', b.length % 2 === 0 ? 0 : 4096, '');
              default:
                return kernel[name](a);
            }
          });
        }
        expect(kernel.readdir('/')).toContain('sys');
      }),
      { numRuns: 200, seed: 6 },
    );
  });
});

describe('trace_pipe', () => {
  const PIPE = '/sys/kernel/tracing/trace_pipe';

  it('gives the lines in pieces, each to one reader', async () => {
    const machine = new Machine({ clock: 'manual' });
    using process = machine.openProcess();
    const [a, b] = [process.open(PIPE, 0), process.open(PIPE, 0)];
    const waiting = process.wait([a]);
    machine.trace.write('one');
    machine.trace.write('two');
    expect(await waiting).toEqual([a]);
    const read = (fd: Fd, size: number): string => {
      const buffer = new Uint8Array(size);
      return new TextDecoder().decode(buffer.subarray(0, process.read(fd, buffer)));
    };
    const first = read(a, 30);
    const second = read(b, 1000);
    expect(first.length).toBe(30);
    expect(second).toMatch(/: two\n$/);
    expect(await process.wait([a, b], { timeoutMs: 1 })).toEqual([a]);
    expect(first + read(a, 1000)).toBe(`           <...>-0       [000] ...11     0.000000: bpf_trace_printk: one\n`);
    expect(() => read(a, 10)).toThrow(code('EAGAIN'));
  });

  it('has nothing to read until a program says something', async () => {
    using machine = createEmbeddedKernel();
    const { kernel } = machine;
    const fd = kernel.open(PIPE, 0);
    expect(() => kernel.read(fd, new Uint8Array(10))).toThrow(code('EAGAIN'));
    expect(await kernel.wait([fd], { timeoutMs: 1 })).toEqual([]);
  });

  it('can be given up', async () => {
    using machine = createEmbeddedKernel();
    const fd = machine.kernel.open(PIPE, 0);
    const abort = new AbortController();
    const waiting = machine.kernel.wait([fd], { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(machine.kernel.wait([fd], { signal: abort.signal })).rejects.toThrow('enough');
  });

  it('ends with the process', async () => {
    using machine = createEmbeddedKernel();
    const other = machine.openProcess();
    const waiting = other.wait([other.open(PIPE, 0)]);
    other[Symbol.dispose]();
    expect(await waiting).toEqual([]);
  });

  it('other fds can always be read, and what is no fd is refused', async () => {
    using machine = createEmbeddedKernel();
    const { kernel } = machine;
    const fd = kernel.open('/proc/mounts', 0);
    expect(await kernel.wait([fd])).toEqual([fd]);
    await expect(kernel.wait([999 as Fd])).rejects.toEqual(code('EBADF')); // no kernel has handed it out
  });
});

function refusedOrDone(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
  }
}
