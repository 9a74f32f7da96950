import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../../../test/support/objects.ts';
import { UsageError } from '../../../errors.ts';
import { attachTracing, type BpfProgram, load, openObject } from '../../../index.ts';
import { createEmbeddedKernel, type EmbeddedKernel } from '../embedded.ts';
import { embeddedKernelBtf } from '../types/kernel-btf.ts';

const object = openObject(objectBytes('test/objects/typed_lab.o'), { file: 'typed_lab.o' });

function create(): EmbeddedKernel {
  const embedded = createEmbeddedKernel({
    declarations: [
      'struct filename { int refcnt; const char *name; };',
      'int do_unlinkat(int dfd, struct filename *name)',
      'int should_fail(int size);',
      'ALLOW_ERROR_INJECTION(should_fail, ERRNO);',
      'struct order { u32 lines; u64 number }',
      'typedef void (*btf_trace_order_placed)(void *, struct order *order, u64 count)',
    ],
  });
  embedded.lab.trace.addTracepoint('shop/order_placed', []);
  return embedded;
}

/** Loads one program and attaches it; `seen` and `text` of its object. */
function attached({ kernel }: EmbeddedKernel, name: string) {
  const programs = object.spec.programs.filter((program) => program.name === name);
  const loaded = load(kernel, object, { programs });
  const program: BpfProgram = loaded.program(name);
  attachTracing(program);
  return {
    seen: (index: number) => Number((loaded.globals.seen as bigint[])[index]), // __s64[16]
    text: () => String(loaded.globals.text),
  };
}

describe('functions that a test declares', () => {
  it('fentry and fexit have the arguments and the result', () => {
    using embedded = create();
    const { trace } = embedded.lab;
    const [before, after] = [attached(embedded, 'unlinked'), attached(embedded, 'unlink_left')];
    using path = trace.store(new TextEncoder().encode('/etc/motd\0'));
    using name = trace.storeStruct('filename', { refcnt: 3, name: path.address });
    const { result, fired } = trace.call('do_unlinkat', { args: [-100, name.address], returns: -2 });
    expect([result, fired.map(({ program }) => program.name)]).toEqual([-2n, ['unlinked', 'unlink_left']]);
    expect([before.seen(0), before.seen(1), before.text(), after.seen(2)]).toEqual([-100, 3, '/etc/motd', -2]);
    expect(embedded.lab.faults).toEqual([]);
  });

  it('who does not return has no fexit', () => {
    using embedded = create();
    attached(embedded, 'unlink_left');
    expect(embedded.lab.trace.call('do_unlinkat', { args: [1] })).toEqual({ result: undefined, fired: [] });
  });

  it('fmod_ret puts a result in the place of the function', () => {
    using embedded = create();
    const program = attached(embedded, 'failing');
    const bodies: (readonly bigint[])[] = [];
    const returns = (...args: readonly bigint[]): number => {
      bodies.push(args);
      return 5;
    };
    const { trace } = embedded.lab;
    expect(trace.call('should_fail', { args: [1], returns }).result).toBe(5n);
    expect(trace.call('should_fail', { args: [101], returns }).result).toBe(-12n);
    expect([bodies, program.seen(3)]).toEqual([[[1n]], 2]);
  });

  it('the running process is a task', () => {
    using embedded = create();
    const program = attached(embedded, 'who');
    const process = embedded.openProcess();
    embedded.lab.trace.call('do_unlinkat', { process });
    expect([program.seen(12), program.seen(13), program.seen(14)]).toEqual([2, 2, 2].map(() => program.seen(12)));
    expect(program.seen(12)).toBeGreaterThan(0);
  });
});

describe('tracepoints with types', () => {
  it("one of Linux's", () => {
    using embedded = create();
    const { trace } = embedded.lab;
    const program = attached(embedded, 'switched');
    using init = trace.storeStruct('task_struct', { pid: 1, tgid: 1 });
    using prev = trace.storeStruct('task_struct', { pid: 7 });
    using next = trace.storeStruct('task_struct', { pid: 8, comm: 'a long name, too long', real_parent: init.address });
    trace.fire('sched_switch', { args: [1, prev.address, next.address, 0] });
    expect([4, 5, 6, 7, 8].map(program.seen)).toEqual([1, 7008, 1, 0, 0]);
    expect([program.text(), embedded.lab.faults]).toEqual(['a long name, to', []]);
  });

  it('one that is declared', () => {
    using embedded = create();
    const program = attached(embedded, 'ordered');
    using order = embedded.lab.trace.storeStruct('order', { number: 6 });
    embedded.lab.trace.fire('order_placed', { args: [order.address, 7] });
    expect(program.seen(9)).toBe(42);
  });
});

describe('hooks of LSM', () => {
  it('what a program says is the result', () => {
    using embedded = create();
    const { trace } = embedded.lab;
    const program = attached(embedded, 'opened');
    using inode = trace.storeStruct('inode', { i_ino: 77 });
    const open = (f_flags: number): bigint | undefined => {
      using file = trace.storeStruct('file', { f_flags, f_inode: inode.address });
      return trace.call('bpf_lsm_file_open', { args: [file.address] }).result;
    };
    expect([open(0), open(1), program.seen(10)]).toEqual([0n, -1n, 77]);
  });

  it('one that returns nothing is looked at', () => {
    using embedded = create();
    const program = attached(embedded, 'freed');
    using task = embedded.lab.trace.storeStruct('task_struct', { pid: 9 });
    embedded.lab.trace.call('bpf_lsm_task_free', { args: [task.address] });
    expect(program.seen(11)).toBe(9);
  });
});

describe('what does not fit', () => {
  it.each([
    ['int f(struct nowhere x)', /there is no type struct nowhere/],
    ['struct a { nothing b }', /there is no type nothing/],
    ['what is this', /is no declaration|no type/],
    ['struct a { int (*f)(int x[) }', /is no declaration|no type/],
    ['', /is no declaration/],
  ])('the declaration %j', (text, message) => {
    expect(() => createEmbeddedKernel({ declarations: [text] })).toThrow(UsageError);
    expect(() => createEmbeddedKernel({ declarations: [text] })).toThrow(message);
  });

  it('declarations beside another BTF', () => {
    const btf = embeddedKernelBtf();
    expect(() => createEmbeddedKernel({ btf, declarations: ['int f(void)'] })).toThrow(UsageError);
  });

  it('a struct, a member, an argument too many', () => {
    using embedded = create();
    const { trace } = embedded.lab;
    expect(() => trace.storeStruct('nowhere', {})).toThrow(/have no struct nowhere/);
    expect(() => trace.storeStruct('filename', { size: 1 })).toThrow(/no member size/);
    expect(() => trace.call('should_fail', { args: [1, 2] })).toThrow(/has 1 arguments, not 2/);
    expect(() => trace.call('nowhere')).toThrow('nowhere');
  });

  it('a function that the test has not added', () => {
    using embedded = createEmbeddedKernel();
    const programs = object.spec.programs.filter(({ name }) => name === 'failing');
    expect(() => load(embedded.kernel, object, { programs })).toThrow(/without func should_fail/);
  });
});
