import { expect, it } from 'vitest';
import { attachExtension, attachTracing, type BpfLink, load, openObject } from '../../src/index.ts';
import { programInfo } from '../../src/loader/info.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { objectBytes } from '../support/objects.ts';

const object = openObject(objectBytes('test/objects/ext.o'), { file: 'ext.o' });
const named = (names: readonly string[]) => object.spec.programs.filter(({ name }) => names.includes(name));
const TARGETS = ['whole', 'fragments', 'classify', 'moving', 'landed', 'watch'];
const frame = new Uint8Array(64).fill(0x11);
/** 1000 * (deep: 64 + 1) + 100 * (twice: 2 * 4 + 5) + (pick: 3) + 0 */
const PLAIN = 65_000 + 1300 + 3;

/** Whether a kernel has programs in the place of functions; the running one of a virtual machine often has not. */
export function hasExtensions(kernel: Kernel): boolean {
  using targets = load(kernel, object, { programs: named(['whole']) });
  try {
    using _loaded = load(kernel, object, {
      programs: named(['new_pick']),
      targets: { new_pick: { program: targets.program('whole'), function: 'pick' } },
    });
    return true;
  } catch {
    return false;
  }
}

/** Programs that are there to be replaced, and what replaces them. */
class Stage {
  readonly kernel: Kernel;
  readonly targets: ReturnType<typeof load>;
  readonly #loaded: ReturnType<typeof load>[] = [];
  readonly #links: BpfLink[] = [];

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.targets = load(kernel, object, { programs: named(TARGETS) });
  }

  program(name: string) {
    return this.targets.program(name);
  }

  /** A program for a function of one of the targets: all that was loaded with it. */
  load(name: string, target: string, func: string) {
    const loaded = load(this.kernel, object, {
      programs: named([name]),
      targets: { [name]: { program: this.program(target), function: func } },
    });
    this.#loaded.push(loaded);
    return loaded;
  }

  attach(name: string, target: string, func: string): BpfLink {
    return this.keep(attachTracing(this.load(name, target, func).program(name)));
  }

  keep(link: BpfLink): BpfLink {
    this.#links.push(link);
    return link;
  }

  run(name: string): number {
    return this.program(name).run({ data: frame }).retval;
  }

  [Symbol.dispose](): void {
    for (const link of this.#links) link.close();
    for (const loaded of [...this.#loaded, this.targets]) loaded[Symbol.dispose]();
  }
}

/** The code of the error that a call throws, or `done`. */
function refusal(call: () => unknown): string {
  try {
    call();
    return 'done';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

/** Programs in the place of functions of others, on every kernel. */
export function extensionPrograms(kernel: Kernel): void {
  it.each([
    ['a function that another one calls', 'new_size', 'size', 1000 * (64 + 10 + 1) + 1303],
    ['arguments in registers', 'new_twice', 'twice', 65_003 + 100 * (12 + 5)],
    ['a pointer', 'new_pick', 'pick', PLAIN + 4],
  ])('%s', (_, name, func, result) => {
    using stage = new Stage(kernel);
    expect(stage.run('whole')).toBe(PLAIN);
    const link = stage.attach(name, 'whole', func);
    expect(stage.run('whole')).toBe(result);
    link.close();
    expect(stage.run('whole')).toBe(PLAIN);
  });

  it('the program itself', () => {
    using stage = new Stage(kernel);
    const link = stage.attach('new_whole', 'whole', 'whole');
    const { retval, data } = stage.program('whole').run({ data: frame });
    expect([retval, data?.[0]]).toEqual([42, 0xee]);
    link.close();
    expect(stage.run('whole')).toBe(PLAIN);
  });

  it('each has its own maps', () => {
    using stage = new Stage(kernel);
    const first = stage.load('new_size', 'whole', 'size');
    const second = stage.load('new_size', 'fragments', 'size');
    stage.keep(attachTracing(first.program('new_size')));
    stage.keep(attachTracing(second.program('new_size')));
    expect(stage.program('whole').run({ data: frame, repeat: 5 }).retval).toBe(76_303);
    expect(stage.run('fragments')).toBe(74);
    expect([first.map('counts').get(0), second.map('counts').get(0), stage.targets.map('counts').get(0)]).toEqual([
      5n,
      1n,
      0n,
    ]);
  });

  it('several functions at once, and the program, whose functions then do not matter', () => {
    using stage = new Stage(kernel);
    stage.attach('new_size', 'whole', 'size');
    stage.attach('new_twice', 'whole', 'twice');
    const last = stage.attach('new_pick', 'whole', 'pick');
    expect(stage.run('whole')).toBe(75_000 + 1700 + 7);
    const whole = stage.attach('new_whole', 'whole', 'whole');
    expect(stage.run('whole')).toBe(42);
    whole.close();
    last.close();
    expect(stage.run('whole')).toBe(75_000 + 1700 + 3);
  });

  it('links say what they are in the place of', () => {
    using stage = new Stage(kernel);
    const loaded = stage.load('new_size', 'whole', 'size');
    const program = loaded.program('new_size');
    const { info } = stage.program('whole');
    const { attachBtfId } = program.info;
    expect(program.info).toMatchObject({ type: 'ext', attachBtfObjectId: info.btfId });
    const link = stage.keep(attachTracing(program));
    expect(link.info).toMatchObject({
      type: 'tracing',
      progId: program.id,
      targetObjId: info.id,
      targetBtfId: attachBtfId,
    });
    const { attachBtfObjectId, attachBtfId: still } = programInfo(kernel, program.fd);
    expect([attachBtfObjectId, still]).toEqual([0, attachBtfId]);
    expect(refusal(() => kernel.bpf('BPF_LINK_DETACH', { link_fd: link.fd }))).toBe('EOPNOTSUPP');
  });

  it('the target lives as long as what is in its place', () => {
    using stage = new Stage(kernel);
    const link = stage.attach('new_size', 'whole', 'size');
    const { id } = stage.program('whole');
    stage.targets[Symbol.dispose]();
    const open = () => kernel.close(kernel.bpf('BPF_PROG_GET_FD_BY_ID', { prog_id: id }) as Fd);
    open();
    link.close();
  });

  it.each([
    ['fewer', 'whole', 'twice', /fewer\(\) has 2 args while twice\(\) has 3 args/],
    ['other_size', 'whole', 'twice', /arg1 in other_size\(\) has size 8 while twice\(\) has 4/],
    ['other_kind', 'whole', 'twice', /arg0 other_kind\(struct pair \*\) doesn't match twice\(struct xdp_md \*\)/],
    ['new_skb', 'whole', 'size', /arg0 new_skb\(struct __sk_buff \*\) doesn't match size\(struct xdp_md \*\)/],
    ['new_size', 'whole', 'hidden', /hidden\(\) is not a global function/],
    ['no_helper', 'whole', 'size', /helper bpf_skb_load_bytes#26/],
    ['moves', 'whole', 'size', /Extension program changes packet data, while original does not/],
    ['beyond', 'whole', 'size', /invalid bpf_context access off=64 size=4/],
    ['new_watch', 'watch', 'watch', /At program exit the register R0 has smin=7 smax=7 should have been in \[0, 1\]/],
    ['new_size', 'whole', 'mover', /Subprog mover doesn't exist/],
  ])('%s is refused for %s: %s', (name, target, func, message) => {
    using stage = new Stage(kernel);
    expect(() => stage.load(name, target, func)).toThrow(message);
  });

  it('none of one that is in the place of another', () => {
    using stage = new Stage(kernel);
    const first = stage.load('new_size', 'whole', 'size').program('new_size');
    const second = () =>
      load(kernel, object, {
        programs: named(['new_size']),
        targets: { new_size: { program: first, function: 'new_size' } },
      });
    expect(second).toThrow(/Cannot recursively attach/);
  });

  it('once, unless it is said where', () => {
    using stage = new Stage(kernel);
    const program = stage.load('new_size', 'whole', 'size').program('new_size');
    const btfId = program.info.attachBtfId ?? 0;
    attachTracing(program).close();
    expect(refusal(() => attachTracing(program))).toBe('EINVAL');
    stage.keep(attachExtension(program, stage.program('whole'), btfId));
    expect(stage.run('whole')).toBe(76_303);
    // The types are the same in both: they are of one object file. That one takes frames in pieces is not asked.
    const again = stage.keep(attachExtension(program, stage.program('fragments'), btfId));
    expect(stage.run('fragments')).toBe(74);
    expect(again.info).toMatchObject({ targetObjId: stage.program('fragments').id, targetBtfId: btfId });
  });

  it('arguments that are not those of a place', () => {
    using stage = new Stage(kernel);
    const program = stage.load('new_size', 'whole', 'size').program('new_size');
    const target_btf_id = program.info.attachBtfId ?? 0;
    const whole = stage.program('whole').fd;
    const create = (attr: object) => refusal(() => kernel.bpf('BPF_LINK_CREATE', { prog_fd: program.fd, ...attr }));
    expect(create({ target_fd: whole })).toBe('EINVAL');
    expect(create({ target_btf_id })).toBe('EINVAL');
    expect(create({ target_fd: 999 as Fd, target_btf_id })).toBe('EBADF');
    expect(create({ target_fd: whole, target_btf_id: 1 })).toBe('EINVAL');
    expect(create({ target_fd: stage.program('classify').fd, target_btf_id })).toBe('EINVAL');
    expect(refusal(() => program.run({ data: frame }))).toBe('ENOTSUPP');
  });

  it('one in a place, and none where tail calls lead to', () => {
    using stage = new Stage(kernel);
    const [first, second] = [0, 1].map(() => stage.load('new_size', 'whole', 'size').program('new_size'));
    if (first === undefined || second === undefined) return;
    const link = attachTracing(first);
    expect(refusal(() => attachTracing(second))).toBe('EBUSY');
    const jumps = stage.targets.map('jumps');
    const put = () => jumps.set(0, stage.program('whole').fd);
    expect(refusal(put)).toBe('EBUSY');
    link.close();
    expect(refusal(put)).toBe('done');
    expect(refusal(() => attachTracing(second))).toBe('EBUSY');
    jumps.delete(0);
    stage.keep(attachTracing(second));
  });

  it('tail calls of what is in the place of a function come back to its caller', () => {
    using stage = new Stage(kernel);
    const loaded = stage.load('jumping', 'moving', 'mover');
    stage.keep(attachTracing(loaded.program('jumping')));
    expect(stage.run('moving')).toBe(87);
    loaded.map('jumps').set(0, stage.program('landed').fd);
    expect(stage.run('moving')).toBe(65);
  });
}
