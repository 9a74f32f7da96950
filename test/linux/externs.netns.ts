import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { type LoadOptions, load, NotSupportedError, openObject, SysError, UsageError } from '../../src/index.ts';
import { unregisterStructOps } from '../../src/loader/attach/struct-ops.ts';
import { congestionNames, ownCongestionNames } from '../support/congestion-names.ts';
import { objectBytes } from '../support/objects.ts';
import { skipBefore } from '../support/since.ts';

const kernel = createLinuxKernel();
const bpftool = spawnSync('bpftool', ['version']).error === undefined;

function open(name: string) {
  return openObject(objectBytes(`test/objects/${name}.o`), { file: `${name}.o` });
}

/** Loads one program of an object. */
function loadOne(name: string, program: string, options: LoadOptions = {}) {
  const object = open(name);
  const programs = object.spec.programs.filter((candidate) => candidate.name === program);
  expect(programs).toHaveLength(1);
  return load(kernel, object, { programs, ...options });
}

/** What the strong variables need where the kernel shows no configuration: containers and emulated machines. */
const OPTIONS = [`/boot/config-${release()}`, '/proc/config.gz'].some((path) => existsSync(path))
  ? {}
  : { kconfig: 'CONFIG_HZ=250\nCONFIG_BPF_SYSCALL=y\n' };

/** Tags by program name, as libbpf's loading makes them. */
function bpftoolTags(object: string): Record<string, string> {
  const path = `/sys/fs/bpf/${object}`;
  const { stderr, status } = spawnSync('bpftool', ['prog', 'loadall', `test/objects/${object}.o`, path], {
    encoding: 'utf8',
  });
  expect(`${status} ${stderr}`).toBe('0 ');
  const names = spawnSync('ls', [path], { encoding: 'utf8' }).stdout.trim().split('\n');
  const tags = names.map((name) => {
    const { stdout } = spawnSync('bpftool', ['-j', 'prog', 'show', 'pinned', `${path}/${name}`], { encoding: 'utf8' });
    return [name, JSON.parse(stdout).tag as string];
  });
  spawnSync('rm', ['-r', path]);
  return Object.fromEntries(tags);
}

function tags(object: string): Record<string, string> {
  using loaded = load(kernel, open(object), OPTIONS);
  return Object.fromEntries(Object.values(loaded.programs).map((program) => [program.name, program.info.tag]));
}

/** A kernel without trampolines answers so. */
function refusesExtensions(load: () => Disposable): boolean {
  try {
    load()[Symbol.dispose]();
    return false;
  } catch (error) {
    if (error instanceof SysError && error.code === 'EPERM') return true;
    throw error;
  }
}

describe('kernel options', () => {
  it('are those of the running kernel', () => {
    using loaded = load(kernel, open('externs'), OPTIONS);
    loaded.program('options').run({ data: new Uint8Array(64) });
    const [a, b] = release().split('.').map(Number);
    const seen = loaded.globals.seen as { version: number; bpf: boolean; hz: number };
    expect([seen.version >> 16, (seen.version >> 8) & 255]).toEqual([a, b]);
    expect(seen.bpf).toBe(true);
    expect(seen.hz).toBeGreaterThan(0);
    expect(loaded.globals.CONFIG_HZ).toBe(seen.hz);
    expect(() => {
      loaded.globals.CONFIG_HZ = 1;
    }).toThrow(/EPERM|not permitted/);
  });

  it('give the instructions that libbpf gives', (context) => {
    if (!bpftool) context.skip('bpftool is not installed');
    if ('kconfig' in OPTIONS) context.skip('this kernel shows no configuration');
    // What stands for the call of a missing function differs between libbpf's versions; ours is that of 1.7.
    expect(tags('externs').options).toBe(bpftoolTags('externs').options);
  });
});

describe('kernel symbols', () => {
  it('are 0 where a weak one is missing, and are not called', () => {
    using loaded = load(kernel, open('externs'), OPTIONS);
    loaded.program('absent').run({ data: new Uint8Array(64) });
    expect(loaded.globals.seen).toMatchObject({ absent: 0n, absent_variable: 0n, called: 0 });
  });

  it('have the address of /proc/kallsyms', () => {
    using loaded = loadOne('ksyms', 'symbols');
    loaded.program('symbols').run({ data: new Uint8Array(64) });
    const [, address] = /^([0-9a-f]+) T bpf_prog_put$/m.exec(readFileSync('/proc/kallsyms', 'utf8')) ?? [];
    expect(loaded.globals.address).toBe(BigInt(`0x${address}`));
  });

  it('are called where they are functions', (context) => {
    if (!readFileSync('/proc/kallsyms', 'utf8').includes(' bpf_iter_num_new\n'))
      context.skip('this kernel has no bpf_iter_num (Linux >= 6.4)');
    using loaded = loadOne('ksyms', 'functions');
    loaded.program('functions').run({ data: new Uint8Array(64) });
    expect(loaded.globals.sum).toBe(1 + 2 + 3 + 4);
  });

  it('throw, and a callback gives the result', (context) => {
    if (!readFileSync('/proc/kallsyms', 'utf8').includes(' bpf_throw\n'))
      context.skip('this kernel has no bpf_throw (Linux >= 6.7)');
    using loaded = load(kernel, open('exceptions'));
    const program = loaded.program('throwing');
    expect([60, 61].map((size) => program.run({ data: new Uint8Array(size) }).retval)).toEqual([7, 42]);
  });

  it('are named when the kernel lacks a strong one', () => {
    expect(() => loadOne('ksyms', 'strong')).toThrow(NotSupportedError);
    expect(() => loadOne('ksyms', 'strong')).toThrow("the kernel's function skep_no_such_function");
  });
});

describe('programs made for one function', () => {
  it('find it in the types of the kernel', (context) => {
    using loaded = load(kernel, open('tracing'));
    expect(Object.values(loaded.programs).map((program) => [program.name, program.info.type])).toEqual([
      ['on_switch', 'tracing'],
      ['each_map', 'tracing'],
    ]);
    if (!bpftool) context.skip('bpftool is not installed');
    expect(tags('tracing')).toEqual(bpftoolTags('tracing'));
  });

  it.each([
    ['on_return', undefined, UsageError, /its section fexit does not say what it is made for/],
    ['on_nothing', undefined, NotSupportedError, /on a kernel without func skep_no_such_function/],
    ['on_switch', 'skep_no_such_event', NotSupportedError, /without typedef btf_trace_skep_no_such_event/],
    ['on_put', 'skep_no_such_module:f', NotSupportedError, /without func f in skep_no_such_module/],
    ['replacement', 'replaced', UsageError, /say it with the option targets, \{ replacement: \{ program/],
    ['caller', 'replaced', UsageError, /of type sched_cls, which is not made for one function/],
  ] as const)('%s for %s is refused', (program, target, type, message) => {
    const object = program === 'on_switch' ? 'tracing' : 'tracing_more';
    const options = target === undefined ? {} : { targets: { [program]: target } };
    expect(() => loadOne(object, program, options)).toThrow(type);
    expect(() => loadOne(object, program, options)).toThrow(message);
  });

  it('are made for a function of a loaded program', (context) => {
    using caller = loadOne('tracing_more', 'caller');
    const program = caller.program('caller');
    expect(() =>
      loadOne('tracing_more', 'replacement', { targets: { replacement: { program, function: 'nothing' } } }),
    ).toThrow('program caller has no function nothing');
    const options = { targets: { replacement: { program, function: 'replaced' } } };
    const load = () => loadOne('tracing_more', 'replacement', options);
    if (refusesExtensions(load)) context.skip('this kernel loads no program of type ext');
    using loaded = load();
    expect(loaded.program('replacement').info.type).toBe('ext');
  });
});

describe('struct_ops', () => {
  let names: Disposable;
  beforeAll(async () => {
    names = await ownCongestionNames();
  });
  afterAll(() => names[Symbol.dispose]());

  it('gives the kernel a congestion control, and takes it back', (context) => {
    if (congestionNames().length === 0) context.skip('this kernel has no TCP');
    skipBefore(context, '6.4', 'links of struct_ops');
    const before = congestionNames();
    {
      using loaded = load(kernel, open('struct_ops'));
      expect(Object.keys(loaded.maps)).toEqual(['skep_plain', 'skep_link']);
      expect(Object.keys(loaded.programs)).toEqual(['ssthresh', 'cong_avoid', 'undo_cwnd']);
      expect(loaded.registerStructOps('skep_plain')).toBeUndefined();
      try {
        expect(congestionNames()).toEqual([...before, 'skep_plain']);
        expect(() => loaded.registerStructOps('skep_plain')).toThrow(/EBUSY|busy/);
      } finally {
        unregisterStructOps(loaded.map('skep_plain'));
      }
      {
        using link = loaded.registerStructOps('skep_link');
        expect(link?.info).toMatchObject({ type: 'struct_ops' });
        expect(congestionNames()).toEqual([...before, 'skep_link']);
      }
      expect(congestionNames()).toEqual(before);
      expect(() => loaded.registerStructOps('nothing')).toThrow(/there is skep_plain and skep_link/);
    }
    expect(congestionNames()).toEqual(before);
  });

  it('is registered, shown and unregistered by commands', (context) => {
    skipBefore(context, '6.4', 'links of struct_ops');
    const skep = (...words: string[]) => {
      const ran = spawnSync(process.execPath, ['bin/skep', '--kernel', 'linux', ...words], { encoding: 'utf8' });
      return `${ran.status} ${ran.stdout}${ran.stderr}`;
    };
    const before = congestionNames();
    try {
      expect(skep('struct_ops', 'register', 'test/objects/struct_ops.o', '/sys/fs/bpf/links')).toMatch(
        /^0 Registered tcp_congestion_ops skep_plain id \d+\nRegistered tcp_congestion_ops skep_link id \d+\n$/,
      );
      expect(congestionNames().sort()).toEqual([...before, 'skep_plain', 'skep_link'].sort());
      const shown = skep('struct_ops', 'show', 'name', 'skep_plain');
      expect(shown).toMatch(/^0 \d+: skep_plain {6}tcp_congestion_ops {14}\n$/);
      if (bpftool) {
        const theirs = spawnSync('bpftool', ['struct_ops', 'show', 'name', 'skep_plain'], { encoding: 'utf8' });
        expect(shown).toBe(`0 ${theirs.stdout}`);
      }
      // What is in force already: nothing more stays.
      expect(skep('struct_ops', 'register', 'test/objects/struct_ops.o')).toMatch(/^1 Error: .*File exists/);
    } finally {
      expect(skep('struct_ops', 'unregister', 'name', 'skep_plain')).toMatch(/^0 Unregistered .*skep_plain id \d+\n$/);
      spawnSync('rm', ['-r', '/sys/fs/bpf/links']);
    }
    expect(congestionNames()).toEqual(before);
    expect(skep('struct_ops', 'unregister', 'name', 'skep_plain')).toContain(
      'there is no struct_ops with name skep_plain',
    );
  });
});
