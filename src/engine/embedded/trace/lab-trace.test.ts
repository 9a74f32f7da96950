import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytecode, I } from '../../../../test/support/bytecode.ts';
import { UsageError } from '../../../errors.ts';
import {
  attachKprobe,
  attachPerfEvent,
  attachRawTracepoint,
  attachTracepoint,
  openProgram,
} from '../../../loader/index.ts';
import { type ProgType, progTypeNumber } from '../../../uapi/bpf.ts';
import { createEmbeddedKernel, type EmbeddedKernel } from '../index.ts';
import { TraceRecord } from './record.ts';

const GET_ATTACH_COOKIE = 174;
const GET_CURRENT_PID_TGID = 14;
const EXIT = I.exit;
/** Returns 8 bytes of the context. */
const word = (offset: number) => bytecode(I.load(8, 0, 1, offset), EXIT);
const half = (offset: number) => bytecode(I.load(4, 0, 1, offset), EXIT);
const calls = (helper: number) => bytecode(I.call(helper), EXIT);

function program({ kernel }: EmbeddedKernel, type: ProgType, insns: Uint8Array, prog_name = 'traced') {
  const attr = { prog_type: progTypeNumber[type], insns, insn_cnt: insns.length / 8, license: 'GPL', prog_name };
  return openProgram(kernel, { fd: kernel.bpf('BPF_PROG_LOAD', attr) });
}
const retvals = (fired: readonly { readonly retval: number }[]) => fired.map(({ retval }) => retval);

describe('places that the lab passes', () => {
  it('a tracepoint hands its record to programs of type tracepoint', () => {
    using embedded = createEmbeddedKernel();
    using switched = program(embedded, 'tracepoint', half(24));
    using attached = attachTracepoint(switched, 'sched', 'sched_switch');
    const { trace } = embedded.lab;
    expect(trace.fire('sched_switch', { record: { prev_comm: 'bash', prev_pid: 7 } })).toEqual([
      { program: { id: switched.id, name: 'traced' }, retval: 7, fault: undefined },
    ]);
    attached.close();
    expect(trace.fire('sched_switch')).toEqual([]);
  });

  it('and its arguments to those of raw tracepoints, which run first', () => {
    using embedded = createEmbeddedKernel();
    using record = program(embedded, 'tracepoint', half(8));
    using args = program(embedded, 'raw_tracepoint', word(8));
    using _first = attachTracepoint(record, 'sched', 'sched_process_exec');
    using _second = attachRawTracepoint(args, 'sched_process_exec');
    expect(
      retvals(embedded.lab.trace.fire('sched_process_exec', { args: [1, 22n], record: { filename: '/bin/ls' } })),
    ).toEqual([22, (8 << 16) | 20]);
  });

  it('a tracepoint of the caller’s own is in tracefs', () => {
    using embedded = createEmbeddedKernel();
    const { kernel, lab } = embedded;
    lab.trace.addTracepoint('shop/order_placed', ['u8 kind', 'u64 order', 'char customer[16]']);
    const buffer = new Uint8Array(4096);
    const fd = kernel.open('/sys/kernel/tracing/events/shop/order_placed/format', 0);
    const text = new TextDecoder().decode(buffer.subarray(0, kernel.read(fd, buffer)));
    expect(text).toContain('\tfield:u64 order;\toffset:16;\tsize:8;\tsigned:0;\n');
    using placed = program(embedded, 'tracepoint', word(16));
    using _attached = attachTracepoint(placed, 'shop', 'order_placed');
    expect(retvals(lab.trace.fire('order_placed', { record: { order: 0x1_0000_0005n } }))).toEqual([5]);
  });

  it('a function has its arguments in registers, and what it returns', () => {
    using embedded = createEmbeddedKernel();
    const { trace } = embedded.lab;
    trace.addFunction('do_unlinkat');
    using entry = program(embedded, 'kprobe', word(104)); // si
    using exit = program(embedded, 'kprobe', word(80)); // ax
    using cookie = program(embedded, 'kprobe', calls(GET_ATTACH_COOKIE));
    using _entry = attachKprobe(entry, 'do_unlinkat');
    using _exit = attachKprobe(exit, 'do_unlinkat', { returns: true });
    using _cookie = attachKprobe(cookie, 'do_unlinkat', { cookie: 99n });
    expect(retvals(trace.fire('do_unlinkat', { args: [1, 2], returns: -2 }))).toEqual([2, 99, 0xffff_fffe]);
    expect(retvals(trace.fire('do_unlinkat', { args: [1, 3] }))).toEqual([3, 99]);
    expect(() => attachKprobe(entry, 'nix')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it('happen on a CPU and to a process', () => {
    using embedded = createEmbeddedKernel();
    const { trace } = embedded.lab;
    using pid = program(embedded, 'raw_tracepoint', calls(GET_CURRENT_PID_TGID));
    using cpu = program(embedded, 'raw_tracepoint', calls(8));
    using _pid = attachRawTracepoint(pid, 'sys_enter');
    using _cpu = attachRawTracepoint(cpu, 'sys_enter');
    expect(retvals(trace.fire('sys_enter', { cpu: 1, process: embedded.kernel }))).toEqual([2, 1]);
    expect(() => trace.fire('sys_enter', { cpu: 2 })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => trace.fire('sys_enter', { process: createEmbeddedKernel().kernel })).toThrow(
      expect.objectContaining({ code: 'ESRCH' }),
    );
  });

  it('what an argument points to is read', () => {
    using embedded = createEmbeddedKernel();
    const { trace } = embedded.lab;
    trace.addFunction('do_unlinkat');
    const reads = (helper: number) =>
      bytecode(I.load(8, 3, 1, 104), I.movReg(1, 10), I.add(1, -16), I.mov(2, 16), I.call(helper), EXIT);
    // bpf_probe_read_user_str, bpf_probe_read_kernel_str, bpf_probe_read_str, bpf_probe_read_user
    const programs = [114, 115, 45, 112].map((helper) => program(embedded, 'kprobe', reads(helper)));
    for (const one of programs) attachKprobe(one, 'do_unlinkat');
    using path = trace.store(new TextEncoder().encode('/etc/passwd\0'));
    expect(retvals(trace.fire('do_unlinkat', { args: [-100, path.address] }))).toEqual([12, 12, 12, 0]);
    const [EFAULT, ERANGE] = [-14 >>> 0, -34 >>> 0];
    expect(retvals(trace.fire('do_unlinkat', { args: [-100, 0] }))).toEqual([EFAULT, ERANGE, EFAULT, EFAULT]);
  });

  it('a sample is taken on a CPU', () => {
    using embedded = createEmbeddedKernel();
    const event = { type: 1, config: 0n, sample_period: 1000n };
    using period = program(embedded, 'perf_event', word(168));
    using ip = program(embedded, 'perf_event', word(128));
    using _period = attachPerfEvent(period, event, { cpu: 0 });
    using _ip = attachPerfEvent(ip, event, { cpu: 1 });
    const { trace } = embedded.lab;
    expect(retvals(trace.sample({ period: 1000n, registers: { ip: 5n } }))).toEqual([1000]);
    expect(retvals(trace.sample({ cpu: 1, period: 1000n, registers: { ip: 5n } }))).toEqual([5]);
  });

  it.each<readonly [what: string, run: (embedded: EmbeddedKernel) => unknown, error: object]>([
    ['no such place', ({ lab }) => lab.trace.fire('nix'), { code: 'ENOENT' }],
    [
      'a field that is not there',
      ({ lab }) => lab.trace.fire('sched_switch', { record: { pid: 1 } }),
      { name: 'UsageError' },
    ],
    [
      'a text that is too long',
      ({ lab }) => lab.trace.fire('sched_switch', { record: { prev_comm: 'x'.repeat(17) } }),
      { name: 'UsageError' },
    ],
    [
      'too many arguments',
      ({ lab }) => lab.trace.fire('sys_enter', { args: new Array(13).fill(0) }),
      { name: 'UsageError' },
    ],
    ['half an argument', ({ lab }) => lab.trace.fire('sys_enter', { args: [0.5] }), { name: 'UsageError' }],
    ['a tracepoint that is there', ({ lab }) => lab.trace.addTracepoint('a/sched_switch', []), { code: 'EEXIST' }],
    ['a tracepoint without a category', ({ lab }) => lab.trace.addTracepoint('placed', []), { code: 'EINVAL' }],
    ['a field that is none', ({ lab }) => lab.trace.addTracepoint('a/b', ['struct x']), { name: 'UsageError' }],
    ['a function that is none', ({ lab }) => lab.trace.addFunction('../x'), { code: 'EINVAL' }],
  ])('%s is refused', (_what, run, error) => {
    using embedded = createEmbeddedKernel();
    expect(() => run(embedded)).toThrow(expect.objectContaining(error));
  });
});

it('a record is laid out, or refused, whatever is said of it', () => {
  const declaration = fc.tuple(
    fc.constantFrom('int', 'char', 'u64', '__data_loc char[]', 'void *', 'struct x', 'bool'),
    fc.constantFrom('a', 'b', 'c', '1', ''),
    fc.constantFrom('', '[4]', '[0]', '[99999]', '[x]'),
  );
  const value = fc.oneof(fc.bigInt(), fc.double(), fc.string(), fc.uint8Array(), fc.array(fc.integer()));
  fc.assert(
    fc.property(
      fc.array(declaration, { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'd'), value),
      (fields, values) => {
        try {
          const record = new TraceRecord(fields.map(([type, name, count]) => `${type} ${name}${count}`));
          expect(record.encode(1, 2, values).length).toBeGreaterThanOrEqual(8);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      },
    ),
    { seed: 5, numRuns: 500 },
  );
});
