import { describe, expect, it } from 'vitest';
import { skepInProcess, skepOnLinux } from '../../../test/support/commands.ts';
import { linuxWorks } from '../../../test/support/linux.ts';
import type { Shown } from '../../../test/support/machine.ts';
import type { Features } from '../../loader/features.ts';
import { CONFIG_OPTIONS, type SystemConfig } from '../../loader/probes/system.ts';
import { errno } from '../../uapi/errno.ts';
import { featureListBuiltins, featureProbe } from './feature.ts';
import { featuresJson, featuresText } from './feature-text.ts';

const skep = (words: readonly string[], options?: Parameters<typeof skepInProcess>[2]) =>
  skepInProcess([featureProbe, featureListBuiltins], words, options);

const OPTIONS = Object.fromEntries(CONFIG_OPTIONS.map((name) => [name, undefined])) as NonNullable<
  SystemConfig['options']
>; // fromEntries loses the keys

const SOME: Features = {
  system: {
    sysctls: {
      unprivileged_bpf_disabled: 2,
      bpf_jit_enable: 1,
      bpf_jit_harden: -1,
      bpf_jit_kallsyms: 7,
      bpf_jit_limit: 528482304,
    },
    options: { ...OPTIONS, CONFIG_BPF: 'y', CONFIG_HZ: '250' },
  },
  syscall: true,
  programTypes: { xdp: true, ext: true, lsm: false },
  mapTypes: { hash: true, arena: false },
  helpers: { xdp: ['redirect', 'redirect_map'], ext: [], lsm: [] },
  misc: { bounded_loops: true, v4_isa_extension: false },
};

describe('what is printed of features', () => {
  it('is in the words of bpftool', () => {
    const text = featuresText(SOME);
    expect(text.replace(/CONFIG_(?!BPF |HZ)\w+ is not set\n/g, '')).toBe(`Scanning system configuration...
bpf() syscall restricted to privileged users (admin can change)
JIT compiler is enabled
Unable to retrieve JIT hardening status
JIT kallsyms exports status has unknown value 7
Global memory limit for JIT compiler for unprivileged users is 528482304 bytes
CONFIG_BPF is set to y
CONFIG_HZ is set to 250

Scanning system call availability...
bpf() syscall is available

Scanning eBPF program types...
eBPF program_type xdp is available
eBPF program_type ext is available
eBPF program_type lsm is NOT available

Scanning eBPF map types...
eBPF map_type hash is available
eBPF map_type arena is NOT available

Scanning eBPF helper functions...
eBPF helpers supported for program type xdp:
\t- bpf_redirect
\t- bpf_redirect_map
eBPF helpers supported for program type ext:
\tCould not determine which helpers are available
eBPF helpers supported for program type lsm:
\tProgram type not supported

Scanning miscellaneous eBPF features...
Bounded loop support is available
ISA extension v4 is NOT available

`);
  });

  it('has the members of bpftool as JSON', () => {
    const json = JSON.parse(JSON.stringify(featuresJson(SOME)));
    expect(json.system_config).toMatchObject({
      bpf_jit_harden: -1,
      CONFIG_BPF: 'y',
      CONFIG_HZ: '250',
      CONFIG_NET: null,
    });
    expect({ ...json, system_config: undefined }).toEqual({
      syscall_config: { have_bpf_syscall: true },
      program_types: { have_xdp_prog_type: true, have_ext_prog_type: true, have_lsm_prog_type: false },
      map_types: { have_hash_map_type: true, have_arena_map_type: false },
      helpers: {
        xdp_available_helpers: ['bpf_redirect', 'bpf_redirect_map'],
        ext_available_helpers: [],
        lsm_available_helpers: [],
      },
      misc: { have_bounded_loops: true, have_v4_isa_extension: false },
    });
  });

  it('ends where there is no bpf(2)', () => {
    const none = { system: undefined, syscall: false, programTypes: {}, mapTypes: {}, helpers: {}, misc: {} };
    expect(featuresText(none)).toBe('Scanning system call availability...\nbpf() syscall is NOT available\n\n');
    expect(JSON.stringify(featuresJson(none))).toBe('{"syscall_config":{"have_bpf_syscall":false}}');
  });
});

describe('skep feature', () => {
  it('probes the embedded kernel', async () => {
    const { status, stdout } = await skep(['feature', 'probe', 'kernel', 'full']);
    expect(status).toBe(0);
    expect(stdout).toContain('eBPF program_type sched_cls is available\n');
    expect(stdout).toContain('eBPF program_type lirc_mode2 is NOT available\n');
    expect(stdout).toContain('\t- bpf_trace_printk\n');
    expect(
      JSON.parse((await skep(['feature', 'probe', 'unprivileged'], { json: true })).stdout).map_types,
    ).toMatchObject({
      have_hash_map_type: true,
      have_arena_map_type: true,
      have_struct_ops_map_type: true,
    });
  });

  it.each([
    ['prog_types', 'unspec', 'netfilter', 33],
    ['map_types', 'unspec', 'arena', 34],
    ['attach_types', 'cgroup_inet_ingress', 'trace_uprobe_session', 58],
    ['link_types', 'unspec', 'sockmap', 15],
    ['helpers', 'bpf_unspec', 'bpf_cgrp_storage_delete', 212],
  ])('lists the %s', async (group, first, last, count) => {
    const names = (await skep(['feature', 'list_builtins', group])).stdout.trim().split('\n');
    expect([names[0], names.at(-1), names.length]).toEqual([first, last, count]);
    expect(JSON.parse((await skep(['feature', 'list_builtins', group], { json: true })).stdout)).toEqual(names);
  });

  it.each([
    ['a component twice', ['probe', 'kernel', 'dev', 'lo'], 2, "'dev' after 'kernel'"],
    ['a device without a name', ['probe', 'dev'], 2, 'the name of the device is missing'],
    ['a device that is not there', ['probe', 'dev', 'none'], 1, 'device none'],
    ['a word that is none', ['probe', 'everything'], 2, "got 'everything'"],
    ['a group that is none', ['list_builtins', 'kfuncs'], 2, "got 'kfuncs'"],
  ])('%s', async (_what, words, code, says) => {
    const { status, stderr } = await skep(['feature', ...words]);
    expect([status, stderr]).toEqual([code, expect.stringContaining(says)]);
  });

  const user = (capabilities: string, bpf = 0): Shown => ({
    files: { '/proc/self/status': `Uid:\t1000\t1000\t1000\t1000\nCapEff:\t${capabilities}\n` },
    mounts: {},
    bpf,
  });

  it('says which privileges it lacks', async () => {
    const { status, stdout, stderr } = await skep(['feature', 'probe'], { shown: user('0000008000001000') });
    expect([status, stdout, stderr]).toEqual([
      1,
      '',
      "Error: feature probe needs CAP_SYS_ADMIN, CAP_PERFMON to see all of the kernel: run it as root, or say 'unprivileged' to see what it permits\n",
    ]);
  });

  it('works without, if that is said', async () => {
    const { status, stdout, stderr } = await skep(['feature', 'probe', 'unprivileged'], {
      shown: user('0', errno.EPERM),
    });
    expect([status, stderr]).toEqual([0, 'the kernel does not show its configuration: no CONFIG_ options\n']);
    expect(stdout).toContain('bpf() syscall is available\n');
    expect(stdout).not.toMatch(/^eBPF .* is available$/m);
  });

  it.runIf(linuxWorks())('unprivileged is for those without privileges', () => {
    const { status, stderr } = skepOnLinux('feature', 'probe', 'unprivileged');
    expect([status, stderr]).toEqual([6, expect.stringMatching(/as a process that has CAP_.*setpriv --reuid 65534/)]);
  });
});
