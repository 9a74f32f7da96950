import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SysError } from '../../src/errors.ts';
import { allOperations, type Insn } from '../../src/isa/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { mapTypeNumber, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { inProcessKernels } from '../support/in-process.ts';

type Attr = BpfAttr<'BPF_PROG_TEST_RUN'>;

const kernels = inProcessKernels();

/** A kernel for one test, with what the test loads closed at its end. */
class Bench implements Disposable {
  readonly kernel: Kernel;
  readonly #fds: Fd[] = [];

  constructor(create: () => Kernel) {
    this.kernel = create();
  }
  load(insns: Uint8Array, type: ProgType = 'sched_cls'): Fd {
    const log = new Uint8Array(65536);
    try {
      return this.#keep(
        this.kernel.bpf('BPF_PROG_LOAD', {
          prog_type: progTypeNumber[type],
          insns,
          insn_cnt: insns.length / 8,
          license: 'GPL',
          log_level: 1,
          log_buf: log,
          log_size: log.length,
        }),
      );
    } catch (error) {
      throw new Error(new TextDecoder().decode(log.subarray(0, log.indexOf(0))), { cause: error });
    }
  }
  map(type: 'array' | 'hash' | 'prog_array', valueSize: number, entries = 1): Fd {
    return this.#keep(
      this.kernel.bpf('BPF_MAP_CREATE', {
        map_type: mapTypeNumber[type],
        key_size: 4,
        value_size: valueSize,
        max_entries: entries,
      }),
    );
  }
  /** What the run answers, or the errno's name; the numbers that the kernel sets are in `attr`. */
  run(prog: Fd, attr: Attr): string {
    attr.prog_fd = prog;
    try {
      this.kernel.bpf('BPF_PROG_TEST_RUN', attr);
      return 'ok';
    } catch (error) {
      if (error instanceof SysError) return error.code;
      throw error;
    }
  }
  /** r0 of a run on a frame of zeroes. */
  result(insns: Uint8Array, type: ProgType = 'sched_cls', frame = new Uint8Array(64)): number | undefined {
    const attr: Attr = { data_in: frame, data_size_in: frame.length };
    expect(this.run(this.load(insns, type), attr)).toBe('ok');
    return attr.retval;
  }
  [Symbol.dispose](): void {
    for (const fd of this.#fds) this.kernel.close(fd);
    this.kernel[Symbol.dispose]();
  }
  #keep(fd: Fd): Fd {
    this.#fds.push(fd);
    return fd;
  }
}

const RETURN_5 = bytecode(I.mov(0, 5), I.exit);
/** `return skb->FIELD` for a u32 of the context. */
const field = (offset: number) => bytecode(I.load(4, 0, 1, offset), I.exit);
const u32 = (n: number) => [...new Uint8Array(Uint32Array.of(n).buffer)];
/** A `struct __sk_buff` with some u32 fields set. */
function skb(fields: Readonly<Record<number, number>>, size = 192): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const [offset, value] of Object.entries(fields)) bytes.set(u32(value), Number(offset));
  return bytes;
}
/** `bpf_l3_csum_replace` or `bpf_l4_csum_replace`, by its number, on the context in r6. */
const replaceSum = (helper: number, offset: number, from: number, to: number, flags: number) => [
  I.movReg(1, 6),
  I.mov(2, offset),
  I.mov(3, from),
  I.mov(4, to),
  I.mov(5, flags),
  I.call(helper),
];
const MARK = 8;
const PRIORITY = 32;
const INGRESS_IFINDEX = 36;
const IFINDEX = 40;
const CB = 48;
const WIRE_LEN = 160;
/** Addresses of two hosts, then IPv4 without a payload. */
const IPV4 = Uint8Array.from({ length: 64 }, (_, i) => [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45][i] ?? i);

describe.each(kernels)('BPF_PROG_TEST_RUN on %s', (_kernel, create) => {
  it.each<[string, ProgType, Attr, string]>([
    ['a frame', 'sched_cls', { data_in: IPV4, data_size_in: 64 }, 'ok'],
    ['the shortest frame', 'sched_cls', { data_in: new Uint8Array(14), data_size_in: 14 }, 'ok'],
    ['less than the header of the IPv4 that it says', 'sched_cls', { data_in: IPV4, data_size_in: 33 }, 'EINVAL'],
    ['the largest frame', 'sched_cls', { data_in: new Uint8Array(3712), data_size_in: 3712 }, 'ok'],
    ['one that is larger', 'sched_cls', { data_in: new Uint8Array(3713), data_size_in: 3713 }, 'EINVAL'],
    ['less than a header', 'sched_cls', { data_in: IPV4, data_size_in: 13 }, 'EINVAL'],
    ['no data', 'sched_cls', {}, 'EINVAL'],
    [
      'no payload where the header is taken off',
      'socket_filter',
      { data_in: new Uint8Array(14), data_size_in: 14 },
      'ok',
    ],
    ['a payload there', 'socket_filter', { data_in: IPV4, data_size_in: 34 }, 'ok'],
    ['xdp', 'xdp', { data_in: IPV4, data_size_in: 64 }, 'ok'],
    ['xdp, less than a header', 'xdp', { data_in: IPV4, data_size_in: 13 }, 'EINVAL'],
    ['cgroup_skb', 'cgroup_skb', { data_in: IPV4, data_size_in: 64 }, 'ok'],
    ['sched_act', 'sched_act', { data_in: IPV4, data_size_in: 64 }, 'ok'],
    ['many runs', 'sched_cls', { data_in: IPV4, data_size_in: 64, repeat: 100 }, 'ok'],
    ['a CPU', 'sched_cls', { data_in: IPV4, data_size_in: 64, cpu: 1 }, 'EINVAL'],
    ['a batch size', 'sched_cls', { data_in: IPV4, data_size_in: 64, batch_size: 1 }, 'EINVAL'],
    ['flags', 'sched_cls', { data_in: IPV4, data_size_in: 64, flags: 1 }, 'EINVAL'],
    ['a context', 'sched_cls', { data_in: IPV4, data_size_in: 64, ctx_in: skb({ [MARK]: 3 }), ctx_size_in: 192 }, 'ok'],
    [
      'a shorter context',
      'sched_cls',
      { data_in: IPV4, data_size_in: 64, ctx_in: skb({ [MARK]: 3 }, 16), ctx_size_in: 16 },
      'ok',
    ],
    [
      'a longer one that ends in zeroes',
      'sched_cls',
      { data_in: IPV4, data_size_in: 64, ctx_in: skb({}, 256), ctx_size_in: 256 },
      'ok',
    ],
    [
      'a longer one that does not',
      'sched_cls',
      { data_in: IPV4, data_size_in: 64, ctx_in: skb({ 200: 1 }, 256), ctx_size_in: 256 },
      'E2BIG',
    ],
    ['a context without its size', 'sched_cls', { data_in: IPV4, data_size_in: 64, ctx_in: skb({}) }, 'EINVAL'],
    [
      'len in the context',
      'sched_cls',
      { data_in: IPV4, data_size_in: 64, ctx_in: skb({ 0: 64 }), ctx_size_in: 192 },
      'EINVAL',
    ],
    [
      'a hash in it',
      'sched_cls',
      { data_in: IPV4, data_size_in: 64, ctx_in: skb({ 68: 1 }), ctx_size_in: 192 },
      'EINVAL',
    ],
    [
      'a device that is not there',
      'sched_cls',
      { data_in: IPV4, data_size_in: 64, ctx_in: skb({ [IFINDEX]: 99999 }), ctx_size_in: 192 },
      'ENODEV',
    ],
    [
      'a wire length below the length',
      'sched_cls',
      { data_in: IPV4, data_size_in: 64, ctx_in: skb({ [WIRE_LEN]: 10 }), ctx_size_in: 192 },
      'EINVAL',
    ],
    [
      'xdp with a context',
      'xdp',
      { data_in: IPV4, data_size_in: 64, ctx_in: skb({ 4: 64 }, 24), ctx_size_in: 24 },
      'ok',
    ],
    [
      'xdp with metadata',
      'xdp',
      { data_in: IPV4, data_size_in: 64, ctx_in: skb({ 0: 8, 4: 64 }, 24), ctx_size_in: 24 },
      'ok',
    ],
    [
      'xdp with the most metadata',
      'xdp',
      { data_in: new Uint8Array(300), data_size_in: 300, ctx_in: skb({ 0: 216, 4: 300 }, 24), ctx_size_in: 24 },
      'ok',
    ],
    [
      'xdp with more',
      'xdp',
      { data_in: new Uint8Array(300), data_size_in: 300, ctx_in: skb({ 0: 220, 4: 300 }, 24), ctx_size_in: 24 },
      'EINVAL',
    ],
    ['xdp in fragments', 'xdp', { data_in: new Uint8Array(9000), data_size_in: 9000 }, 'ok'],
    ['xdp in too many', 'xdp', { data_in: new Uint8Array(73_216), data_size_in: 73_216 }, 'ENOMEM'],
    [
      'xdp with odd metadata',
      'xdp',
      { data_in: IPV4, data_size_in: 64, ctx_in: skb({ 0: 5, 4: 64 }, 24), ctx_size_in: 24 },
      'EINVAL',
    ],
    [
      'xdp that ends after its data',
      'xdp',
      { data_in: IPV4, data_size_in: 64, ctx_in: skb({ 4: 65 }, 24), ctx_size_in: 24 },
      'EINVAL',
    ],
  ])('%s', (_name, type, attr, want) => {
    using bench = new Bench(create);
    const prog = bench.load(bytecode(I.mov(0, 1), I.exit), type);
    expect(bench.run(prog, { ...attr })).toBe(want);
  });

  it('the result, the packet and its size come back, cut off with ENOSPC where there is no room', () => {
    using bench = new Bench(create);
    const prog = bench.load(RETURN_5);
    const data_out = new Uint8Array(64);
    const attr: Attr = { data_in: IPV4, data_size_in: 64, data_out, data_size_out: 64 };
    expect([bench.run(prog, attr), attr.retval, attr.data_size_out]).toEqual(['ok', 5, 64]);
    expect(data_out).toEqual(IPV4);
    const short: Attr = { data_in: IPV4, data_size_in: 64, data_out: new Uint8Array(64), data_size_out: 20 };
    expect([bench.run(prog, short), short.data_size_out, short.data_out]).toEqual([
      'ENOSPC',
      64,
      Uint8Array.from(IPV4, (byte, i) => (i < 20 ? byte : 0)),
    ]);
    const none: Attr = { data_in: IPV4, data_size_in: 64 };
    expect([bench.run(prog, none), none.data_size_out]).toEqual(['ok', 64]);
  });

  it('socket filters and cgroup programs see the packet from its network header on, and the header comes back as zeroes', () => {
    using bench = new Bench(create);
    expect(bench.result(bytecode(I.movReg(6, 1), { opcode: 0x30, imm: 0 }, I.exit), 'socket_filter', IPV4)).toBe(0x45);
    expect(bench.result(bytecode(I.movReg(6, 1), { opcode: 0x30, imm: 14 }, I.exit), 'sched_cls', IPV4)).toBe(0x45);
    // Beyond the end the program returns 0.
    expect(
      bench.result(bytecode(I.movReg(6, 1), { opcode: 0x30, imm: 64 }, I.mov(0, 3), I.exit), 'sched_cls', IPV4),
    ).toBe(0);
    const attr: Attr = { data_in: IPV4, data_size_in: 64, data_out: new Uint8Array(64), data_size_out: 64 };
    bench.run(bench.load(bytecode(I.mov(0, 1), I.exit), 'cgroup_skb'), attr);
    expect(attr.data_out).toEqual(Uint8Array.from(IPV4, (byte, i) => (i < 14 ? 0 : byte)));
  });

  it.each<[string, ProgType, number, number]>([
    ['len', 'sched_cls', 0, 64],
    ['len of a socket filter', 'socket_filter', 0, 50],
    ['pkt_type: to another host', 'sched_cls', 4, 3],
    ['protocol, in network order', 'sched_cls', 16, 0x0008],
    ['ifindex: loopback', 'sched_cls', IFINDEX, 1],
    ['ingress_ifindex', 'sched_cls', INGRESS_IFINDEX, 0],
    ['vlan_present', 'sched_cls', 20, 0],
    ['mark', 'sched_cls', MARK, 0],
    ['tc_classid', 'sched_cls', 72, 0],
    ['tc_index', 'sched_cls', 44, 0],
  ])('the context of a run: %s', (_name, type, offset, want) => {
    using bench = new Bench(create);
    expect(bench.result(field(offset), type, IPV4)).toBe(want);
  });

  it('the context goes in and comes out, with what the program wrote', () => {
    using bench = new Bench(create);
    const prog = bench.load(
      bytecode(
        I.load(4, 0, 1, MARK),
        I.load(4, 2, 1, CB),
        { opcode: 0x0f, dst: 0, src: 2 },
        I.mov(2, 77),
        I.store(4, 1, PRIORITY, 2),
        I.store(4, 1, CB + 16, 2),
        I.store(4, 1, MARK, 2),
        I.exit,
      ),
    );
    const ctx_out = new Uint8Array(192);
    const attr: Attr = {
      data_in: IPV4,
      data_size_in: 64,
      ctx_in: skb({ [MARK]: 5, [CB]: 6, [INGRESS_IFINDEX]: 1 }),
      ctx_size_in: 192,
      ctx_out,
      ctx_size_out: 192,
    };
    expect([bench.run(prog, attr), attr.retval, attr.ctx_size_out]).toEqual(['ok', 11, 192]);
    const want = skb({
      [MARK]: 77,
      [CB]: 6,
      [CB + 16]: 77,
      [PRIORITY]: 77,
      [INGRESS_IFINDEX]: 1,
      [IFINDEX]: 1,
      [WIRE_LEN]: 64,
    });
    expect(ctx_out).toEqual(want);
    const small: Attr = { data_in: IPV4, data_size_in: 64, ctx_out: new Uint8Array(16), ctx_size_out: 16 };
    expect([bench.run(prog, small), small.ctx_size_out]).toEqual(['ENOSPC', 192]);
  });

  it('an XDP program moves the ends of its packet', () => {
    using bench = new Bench(create);
    const prog = bench.load(
      bytecode(
        I.movReg(6, 1),
        I.mov(2, -4),
        I.call(44),
        I.movReg(7, 0),
        I.movReg(1, 6),
        I.mov(2, 100),
        I.call(65),
        { opcode: 0x4f, dst: 7, src: 0 },
        I.movReg(1, 6),
        I.mov(2, 5000),
        I.call(65),
        I.mov(2, 0),
        { opcode: 0x1f, dst: 2, src: 0 },
        I.movReg(0, 2),
        { opcode: 0x67, dst: 0, imm: 8 },
        { opcode: 0x4f, dst: 0, src: 7 },
        I.exit,
      ),
      'xdp',
    );
    const data_out = new Uint8Array(256);
    const attr: Attr = { data_in: IPV4, data_size_in: 64, data_out, data_size_out: 256 };
    expect([bench.run(prog, attr), attr.retval, attr.data_size_out]).toEqual(['ok', 22 << 8, 168]);
    expect(data_out.subarray(4, 68)).toEqual(IPV4);
    expect(data_out.subarray(68, 168)).toEqual(new Uint8Array(100));
  });

  it('helpers answer alike', () => {
    using bench = new Bench(create);
    const stack = (off: number) => [I.movReg(3, 10), I.add(3, off)];
    const loadBytes = (offset: number, size: number) =>
      bytecode(
        I.storeImm(8, 10, -8, 0),
        I.mov(2, offset),
        ...stack(-8),
        I.mov(4, size),
        I.call(26),
        I.jeq(0, 0, 1),
        I.exit,
        I.load(4, 0, 10, -8),
        I.exit,
      );
    expect(bench.result(loadBytes(14, 4), 'sched_cls', IPV4)).toBe(0x11100f45);
    expect(bench.result(loadBytes(61, 4), 'sched_cls', IPV4)).toBe(0xfffffff2); // -EFAULT
    const storeBytes = (offset: number, flags: number) =>
      bytecode(
        I.storeImm(4, 10, -8, 0x01020304),
        I.mov(2, offset),
        ...stack(-8),
        I.mov(4, 4),
        I.mov(5, flags),
        I.call(9),
        I.exit,
      );
    expect(bench.result(storeBytes(20, 0), 'sched_cls', IPV4)).toBe(0);
    expect(bench.result(storeBytes(62, 0), 'sched_cls', IPV4)).toBe(0xfffffff2);
    expect(bench.result(storeBytes(20, 64), 'sched_cls', IPV4)).toBe(0xffffffea); // -EINVAL
    expect(bench.result(bytecode(I.mov(1, 1), I.mov(2, 2), I.call(23), I.exit))).toBe(2); // TC_ACT_SHOT for unknown flags
    expect(bench.result(bytecode(I.mov(1, 1), I.mov(2, 0), I.call(23), I.exit), 'xdp')).toBe(4); // XDP_REDIRECT
  });

  const CSUM_WORDS = [0x45000032, 0x00010000, 0x40110000, 0xffffffff, 0x0a000001, 0x0a000002];
  it.each([
    [0, 8, 0],
    [8, 8, 0],
    [8, 0, 0xffff],
    [0, 24, 0x12345678],
    [8, 24, 0xdeadbeef | 0],
    [6, 8, 0],
    [7, 5, 0],
    [24, 4, 1],
  ])('csum_diff of %i bytes to %i bytes', (from, to, seed) => {
    const results = kernels.map(([, other]) => {
      using bench = new Bench(other);
      const words = CSUM_WORDS.flatMap((word, i) => [
        I.storeImm(4, 10, -48 + 4 * i, word | 0),
        I.storeImm(4, 10, -24 + 4 * i, (word * 7) | 0),
      ]);
      return bench.result(
        bytecode(
          ...words,
          I.movReg(1, 10),
          I.add(1, -48),
          I.mov(2, from),
          I.movReg(3, 10),
          I.add(3, -24),
          I.mov(4, to),
          I.mov(5, seed),
          I.call(28),
          I.exit,
        ),
      );
    });
    expect(new Set(results).size).toBe(1);
  });

  it('l3 and l4 checksums, whatever takes the place of what', () => {
    const value = fc.oneof(fc.constantFrom(0, 1, 0xffff, 0x10000, -1, -2), fc.integer());
    const step = fc.record({
      helper: fc.constantFrom(10, 11),
      offset: fc.oneof(fc.nat(66), fc.constantFrom(-1, 0xfffe, 0x10000)),
      from: value,
      to: value,
      flags: fc.constantFrom(0, 2, 4, 1, 16, 18, 20, 32, 34, 36, 52, 98, 100, 148, 256),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const calls = steps.flatMap(({ helper, offset, from, to, flags }) => [
          ...replaceSum(helper, offset, from, to, flags),
          { opcode: 0x27, dst: 7, imm: 31 },
          { opcode: 0x0f, dst: 7, src: 0 },
        ]);
        const insns = bytecode(I.movReg(6, 1), I.mov(7, 0), ...calls, I.movReg(0, 7), I.exit);
        const left = kernels.map(([, other]) => {
          using bench = new Bench(other);
          const data_out = new Uint8Array(64);
          const attr: Attr = { data_in: IPV4, data_size_in: 64, data_out, data_size_out: 64 };
          return [bench.run(bench.load(insns), attr), attr.retval, ...data_out];
        });
        for (const one of left) expect(one).toEqual(left[0]);
      }),
      { seed: 8, numRuns: 60 },
    );
  });

  it('l3 and l4 checksums follow a changed address', () => {
    const frames = kernels.map(([, other]) => {
      using bench = new Bench(other);
      const replace = (helper: number, offset: number, from: number, to: number, flags: number) => [
        ...replaceSum(helper, offset, from, to, flags),
        { opcode: 0x4f, dst: 7, src: 0 },
      ];
      const prog = bench.load(
        bytecode(
          I.movReg(6, 1),
          I.mov(7, 0),
          ...replace(10, 24, 0x0100000a, 0x0300000a, 4),
          ...replace(11, 40, 0x1234, 0x4321, 2 | 0x10),
          ...replace(11, 50, 0x1234, 0x4321, 2 | 0x20),
          ...replace(10, 52, 0, 0x1111, 0),
          I.movReg(0, 7),
          I.exit,
        ),
      );
      const data_out = new Uint8Array(64);
      const attr: Attr = { data_in: IPV4, data_size_in: 64, data_out, data_size_out: 64 };
      expect([bench.run(prog, attr), attr.retval]).toEqual(['ok', 0]);
      return [...data_out];
    });
    for (const frame of frames) expect(frame).toEqual(frames[0]);
    expect(frames[0]).not.toEqual([...IPV4]);
  });

  it.each<[string, number]>([
    ['plain', 5],
    ['with a newline\n', 15],
    ['%d %u %x', 9],
    ['%ld %lu %lx', 9],
    ['%lld %llu %llx', 9],
    ['%i %X', 6],
    ['%c|', 2],
    ['%s|', 3],
    ['100%% %d', 9],
    ['%5d|%-5d|', 12],
    ['%05d|', 6],
    ['%d %d %d %d', -22],
    ['%y', -22],
    ['%', -22],
    ['%lc', -22],
    ['%hd', -22],
    ['%n', -22],
    ['\x01', -22],
    ['\xe9', 1],
    ['\x85', 1],
    ['%p%', -22],
    ['tab\there', 8],
  ])('trace_printk of %j answers %i', (format, want) => {
    using bench = new Bench(create);
    const bytes = Uint8Array.from({ length: 16 }, (_, i) => format.charCodeAt(i) || 0);
    const words = [...new Int32Array(bytes.buffer)];
    // What is printed: 1000, 7, 0x41; for %s the string AA.
    const isString = format.startsWith('%s');
    expect(
      bench.result(
        bytecode(
          ...words.map((word, i) => I.storeImm(4, 10, -16 + 4 * i, word)),
          I.storeImm(8, 10, -24, 0x4141),
          I.movReg(1, 10),
          I.add(1, -16),
          I.mov(2, 16),
          ...(isString ? [I.movReg(3, 10), I.add(3, -24)] : [I.mov(3, 1000)]),
          I.mov(4, 0x7),
          I.mov(5, 0x41),
          I.call(6),
          I.exit,
        ),
      ),
    ).toBe(want >>> 0);
  });

  it('tail calls go to the slot, fall through where it is empty, and end after 33', () => {
    using bench = new Bench(create);
    const array = bench.map('prog_array', 4, 4);
    const values = bench.map('array', 8);
    const put = (slot: number, prog: Fd) =>
      bench.kernel.bpf('BPF_MAP_UPDATE_ELEM', {
        map_fd: array,
        key: Uint8Array.from(u32(slot)),
        value: Uint8Array.from(u32(prog)),
      });
    const jump = (slot: number, otherwise: number) =>
      bytecode(I.mapFd(2, array), I.mov(3, slot), I.call(12), I.mov(0, otherwise), I.exit);
    put(1, bench.load(RETURN_5));
    expect(bench.result(jump(1, 9))).toBe(5);
    expect(bench.result(jump(2, 9))).toBe(9);
    expect(bench.result(jump(100, 9))).toBe(9);
    // A program that counts and calls itself.
    const count = bench.load(
      bytecode(
        I.mapValue(6, values, 0),
        I.mov(7, 1),
        { opcode: 0xdb, dst: 6, src: 7 },
        I.mapFd(2, array),
        I.mov(3, 0),
        I.call(12),
        I.load(4, 0, 6, 0),
        I.exit,
      ),
    );
    put(0, count);
    const attr: Attr = { data_in: IPV4, data_size_in: 64 };
    expect([bench.run(count, attr), attr.retval]).toEqual(['ok', 34]);
  });
});

describe('random programs give the same on all kernels', () => {
  /** Arithmetic on r0 to r5, and stores and loads of the stack; the second slot of the frame below r10 is always written. */
  const operations = allOperations().flatMap(([opcode, operation]): fc.Arbitrary<Partial<Insn>>[] => {
    const dst = fc.nat(5);
    const src = fc.nat(5);
    switch (operation.kind) {
      case 'alu': {
        const { op, bits, source } = operation;
        const divides = op === 'div' || op === 'mod';
        const shifts = op === 'lsh' || op === 'rsh' || op === 'arsh';
        const widths =
          op === 'mov' && source === 'reg' ? [0, 8, 16, ...(bits === 64 ? [32] : [])] : [divides ? 1 : 0, 0];
        const off = fc.constantFrom(...widths);
        if (source === 'reg') return [fc.record({ opcode: fc.constant(opcode), dst, src, off })];
        const imm = shifts
          ? fc.nat(bits - 1)
          : fc.oneof(fc.integer(), fc.integer({ min: -3, max: 3 })).map((n) => (divides && n === 0 ? 7 : n));
        return [fc.record({ opcode: fc.constant(opcode), dst, off, imm })];
      }
      case 'neg':
        return [fc.record({ opcode: fc.constant(opcode), dst })];
      case 'end':
        return [fc.record({ opcode: fc.constant(opcode), dst, imm: fc.constantFrom(16, 32, 64) })];
      case 'jump':
        return [
          operation.source === 'reg'
            ? fc.record({ opcode: fc.constant(opcode), dst, src, off: fc.constant(1) })
            : fc.record({ opcode: fc.constant(opcode), dst, off: fc.constant(1), imm: fc.integer() }),
        ];
      case 'load':
        return [fc.record({ opcode: fc.constant(opcode), dst, src: fc.constant(7), off: fc.constantFrom(0, 8, 16) })];
      case 'store':
        return [
          operation.source === 'reg'
            ? fc.record({ opcode: fc.constant(opcode), dst: fc.constant(7), src, off: fc.constantFrom(0, 8, 16) })
            : fc.record({
                opcode: fc.constant(opcode),
                dst: fc.constant(7),
                off: fc.constantFrom(0, 8, 16),
                imm: fc.integer(),
              }),
        ];
      default:
        return [];
    }
  });
  const start = fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { minLength: 6, maxLength: 6 });
  const programs = fc.sample(fc.tuple(start, fc.array(fc.oneof(...operations), { minLength: 5, maxLength: 40 })), {
    seed: 20,
    numRuns: 250,
  });

  it.skipIf(kernels.length < 2)('250 of them', () => {
    const outcomes = kernels.map(([, create]) => {
      using bench = new Bench(create);
      // The program works on the value of an array map, and leaves its registers there.
      const map = bench.map('array', 128);
      return programs.map(([values, insns]) => {
        const program = bytecode(
          I.mapValue(7, map, 0),
          ...values.map((value, i) => I.imm64(i, value)),
          ...values.map((_, i) => I.store(8, 7, 8 * i, i)),
          ...insns,
          I.mov(6, 0), // where a jump over the last one leads
          ...values.map((_, i) => I.store(8, 7, 64 + 8 * i, i)),
          I.mov(0, 0),
          I.exit,
        );
        bench.result(program);
        const value = new Uint8Array(128);
        bench.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: map, key: new Uint8Array(4), value });
        return [...new BigUint64Array(value.buffer)].map((n) => n.toString(16));
      });
    });
    expect(outcomes[0]).toEqual(outcomes[1]);
  });
});
