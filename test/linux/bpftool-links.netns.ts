import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { attachNetfilter, attachToNetns, BpfProgram, setXdp } from '../../src/index.ts';
import { findCgroups } from '../../src/loader/cgroups.ts';
import { addDevice } from '../../src/loader/devices.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { attachTypeNumber, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import { runSkep } from '../support/commands.ts';
import { ownCongestionNames } from '../support/congestion-names.ts';
import { returning } from '../support/programs.ts';
import { skipBefore } from '../support/since.ts';
import { SLOW } from '../support/slow.ts';

const kernel = createLinuxKernel();
const CGROUP = `${findCgroups(kernel)}/skep-bpftool-${process.pid}`;
const missing = spawnSync('bpftool', ['version']).error === undefined ? undefined : 'bpftool is not installed';
if (missing !== undefined) console.log(`skipped beside bpftool: ${missing}`);

function run(command: string, args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 * SLOW });
  return { status, stdout, stderr };
}
const skep = (...words: readonly string[]) => runSkep('--kernel', 'linux', ...words);
const bpftool = (...words: readonly string[]) => run('bpftool', words);

function load(type: ProgType, value: number, attr: BpfAttr<'BPF_PROG_LOAD'> = {}): BpfProgram {
  const insns = returning(value);
  const whole = {
    prog_type: progTypeNumber[type],
    insns,
    insn_cnt: 2,
    license: 'GPL',
    prog_name: `a_${type}`,
    ...attr,
  };
  return new BpfProgram(kernel, kernel.bpf('BPF_PROG_LOAD', whole));
}

/** A program that both command lines are given by its pin. */
function pinned(type: ProgType, value: number, attr: BpfAttr<'BPF_PROG_LOAD'> = {}): string[] {
  using program = load(type, value, attr);
  program.pin(`/sys/fs/bpf/${type}`);
  return ['pinned', `/sys/fs/bpf/${type}`];
}

beforeAll(() => {
  addDevice(kernel, { kind: 'veth', name: 'v0', peer: 'v1' });
  mkdirSync(CGROUP);
});
afterAll(() => rmdirSync(CGROUP));

/** bpftool looks at every process. */
const LONG = { timeout: 120_000 * SLOW };

describe.skipIf(missing !== undefined)('says what bpftool says', LONG, () => {
  /** Plain, JSON and indented. */
  const same = async (...words: readonly string[]) => {
    for (const option of [[], ['-j'], ['-p']]) {
      expect(await skep(...option, ...words)).toEqual(bpftool(...option, ...words));
    }
  };

  it('of links', async () => {
    using link = attachToNetns(load('sk_lookup', 1, { expected_attach_type: attachTypeNumber.sk_lookup }), 'sk_lookup');
    link.pin('/sys/fs/bpf/lookup');
    await same('link', 'show', 'pinned', '/sys/fs/bpf/lookup');
    await same('link', 'list', 'id', String(link.id));
    expect((await skep('link', 'pin', 'id', String(link.id), '/sys/fs/bpf/again')).status).toBe(0);
    expect(bpftool('-j', 'link', 'detach', 'pinned', '/sys/fs/bpf/again').stdout).toBe('null\n');
    expect((await skep('-j', 'link', 'detach', 'pinned', '/sys/fs/bpf/again')).stdout).toBe('null\n');
    await same('link', 'show', 'pinned', '/sys/fs/bpf/lookup');
  });

  it('of cgroups', async (context) => {
    skipBefore(context, '6.1', 'the flags of each program, without which bpftool shows none');
    const ingress = pinned('cgroup_skb', 1);
    const device = pinned('cgroup_device', 1, { expected_attach_type: attachTypeNumber.cgroup_device });
    expect(await skep('cgroup', 'attach', CGROUP, 'ingress', ...ingress, 'multi')).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect(bpftool('cgroup', 'attach', CGROUP, 'cgroup_device', ...device, 'override')).toMatchObject({ status: 0 });
    await same('cgroup', 'show', CGROUP);
    await same('cgroup', 'show', CGROUP, 'effective');
    await same('cgroup', 'tree', CGROUP);
    await same('cgroup', 'tree', CGROUP, 'effective');
    expect(await skep('cgroup', 'detach', CGROUP, 'device', ...device)).toMatchObject({ status: 0, stderr: '' });
    expect(bpftool('cgroup', 'detach', CGROUP, 'ingress', ...ingress).status).toBe(0);
    expect((await skep('cgroup', 'show', CGROUP)).stdout).toBe('');
    expect(await skep('cgroup', 'attach', CGROUP, 'sideways', ...ingress)).toMatchObject({ status: 2 });
    // A link, which bpftool cannot make.
    expect(await skep('cgroup', 'attach', CGROUP, 'ingress', ...ingress, 'pin', '/sys/fs/bpf/cg')).toMatchObject({
      status: 0,
    });
    await same('link', 'show', 'pinned', '/sys/fs/bpf/cg');
    kernel.unlink('/sys/fs/bpf/cg');
  });

  it('of devices', async () => {
    const xdp = pinned('xdp', 2);
    /** Without the part that the installed bpftool may not have yet. */
    const shown = (text: string) => text.replace(/netfilter:\n[\s\S]*/, '').replace(/,"netfilter":\[.*\]\}\]/, '}]');
    expect(await skep('net', 'attach', 'xdpgeneric', ...xdp, 'dev', 'v0')).toMatchObject({ status: 0, stderr: '' });
    expect(await skep('net', 'attach', 'xdpg', ...xdp, 'dev', 'v0')).toMatchObject({ status: 1 });
    expect(bpftool('net', 'attach', 'xdpgeneric', ...xdp, 'dev', 'v0').status).not.toBe(0);
    expect(await skep('net', 'attach', 'xdpgeneric', ...xdp, 'dev', 'v0', 'overwrite')).toMatchObject({ status: 0 });
    await skep('tc', 'qdisc', 'add', 'dev', 'v0', 'clsact');
    const filter = ['ingress', 'bpf', 'da', 'obj', 'examples/classify/cls.bpf.o', 'sec', 'classify'];
    const loaded = await skep('tc', 'filter', 'add', 'dev', 'v0', ...filter);
    expect(loaded).toMatchObject({ status: 0, stderr: '' });
    for (const words of [[], ['-j']]) {
      for (const device of [[], ['dev', 'v0']]) {
        const ours = await skep(...words, 'net', 'show', ...device);
        expect(shown(ours.stdout)).toBe(shown(bpftool(...words, 'net', 'show', ...device).stdout));
      }
    }
    expect(bpftool('net', 'detach', 'xdpgeneric', 'dev', 'v0').status).toBe(0);
    setXdp(kernel, 'v0', load('xdp', 2), { mode: 'driver' });
    expect(await skep('net', 'detach', 'xdpdrv', 'dev', 'v0')).toMatchObject({ status: 0, stderr: '' });
    expect((await skep('net', 'show', 'dev', 'v0')).stdout).toMatch(/^xdp:\n\ntc:\nv0/);
  });

  it('of structs of functions', async (context) => {
    skipBefore(context, '6.4', 'links of struct_ops');
    using _names = await ownCongestionNames();
    kernel.mkdir('/sys/fs/bpf/structs', 0o700);
    const registered = await skep('struct_ops', 'register', 'test/objects/struct_ops.o', '/sys/fs/bpf/structs');
    if (registered.status === 6) context.skip(registered.stderr);
    expect(registered).toMatchObject({ status: 0, stderr: '' });
    await same('struct_ops', 'show');
    await same('struct_ops', 'list', 'name', 'skep_link');
    for (const option of ['-j', '-p']) {
      expect(await skep(option, 'struct_ops', 'dump')).toEqual(bpftool(option, 'struct_ops', 'dump'));
      const one = ['struct_ops', 'dump', 'name', 'skep_plain'];
      expect(await skep(option, ...one)).toEqual(bpftool(option, ...one));
    }
    // Older ones print pointers without quotes, which is no JSON.
    const quoted = (text: string) => text.replace(/: (\(nil\)|0x[0-9a-f]+)(?=,?\n)/g, ': "$1"');
    const plain = bpftool('struct_ops', 'dump').stdout;
    expect((await skep('struct_ops', 'dump')).stdout).toBe(quoted(plain));
    expect(plain).toContain('undo_cwnd/prog_id:');
    expect((await skep('struct_ops', 'unregister', 'name', 'skep_link')).status).not.toBe(0);
    expect(bpftool('struct_ops', 'unregister', 'name', 'skep_link').status).not.toBe(0);
    expect((await skep('struct_ops', 'unregister', 'name', 'skep_plain')).status).toBe(0);
    kernel.unlink('/sys/fs/bpf/structs/skep_link');
    await same('struct_ops', 'show');
  });

  it('of what processes hold', async () => {
    await same('perf', 'show');
  });
});

describe('beyond bpftool', LONG, () => {
  it('netfilter has a section of its own', async (context) => {
    skipBefore(context, '6.4', 'programs of type netfilter');
    const program = load('netfilter', 1, { expected_attach_type: attachTypeNumber.netfilter });
    using link = attachNetfilter(program, 'ip', 'forward', { priority: 7 });
    expect((await skep('net', 'show')).stdout).toContain(`\tip forward prio 7 prog_id ${program.id}\n`);
    expect((await skep('link', 'show', 'id', String(link.id))).stdout).toBe(
      `${link.id}: netfilter  prog ${program.id}  \n\tip forward prio 7\n`,
    );
  });
});

describe('programs that say where', LONG, () => {
  const OBJECT = 'test/objects/attach.o';

  it('are attached and their links pinned', async (context) => {
    skipBefore(context, '5.15', 'links of tracepoints and probes');
    const loaded = await skep(
      'prog',
      'loadall',
      OBJECT,
      '/sys/fs/bpf/auto',
      'autoattach',
      'pinmaps',
      '/sys/fs/bpf/maps',
    );
    expect(loaded).toEqual({
      status: 0,
      stdout: '',
      stderr: 'program on_xdp does not say by its section where to attach it; it is pinned without\n',
    });
    expect(process.ppid).toBeGreaterThan(0);
    const [, ...runs] = JSON.parse((await skep('-j', 'map', 'dump', 'pinned', '/sys/fs/bpf/maps/runs')).stdout)
      .slice(0, 6)
      .map(
        ({ formatted, value }: { formatted?: { value: number }; value: string[] }) =>
          formatted?.value ?? Number(value[0]),
      );
    // Tracepoints and probes of this process and of all others; the iterator has not been read, and XDP is nowhere.
    expect(runs.map((n: number) => n > 0)).toEqual([true, true, true, false, false]);
    const types: string[] = [];
    for (const name of ['on_tp', 'on_raw_tp', 'on_uprobe', 'on_uretprobe', 'each_task']) {
      const { stdout } = await skep('-j', 'link', 'show', 'pinned', `/sys/fs/bpf/auto/${name}`);
      types.push(JSON.parse(stdout).type);
    }
    expect(types).toEqual(['perf_event', 'raw_tracepoint', 'perf_event', 'perf_event', 'iter']);
    expect(JSON.parse((await skep('-j', 'prog', 'show', 'pinned', '/sys/fs/bpf/auto/on_xdp')).stdout).type).toBe('xdp');
    expect(readFileSync('/sys/fs/bpf/auto/each_task', 'utf8')).toBe('');
    for (const name of kernel.readdir('/sys/fs/bpf/auto')) kernel.unlink(`/sys/fs/bpf/auto/${name}`);
  });

  it('an iterator is pinned, and read', async () => {
    const map = '/sys/fs/bpf/listed';
    expect(
      (await skep('map', 'create', map, ...'type array key 4 value 4 entries 1 name listed'.split(' '))).status,
    ).toBe(0);
    const pin = (...words: readonly string[]) => skep('iter', 'pin', ...words);
    expect(await pin('test/objects/tracing.o', '/sys/fs/bpf/iter')).toMatchObject({ status: 0, stderr: '' });
    const ids = readFileSync('/sys/fs/bpf/iter', 'utf8').trim().split('\n').map(Number);
    expect(ids).toContain(JSON.parse((await skep('-j', 'map', 'show', 'pinned', map)).stdout).id);
    const { target_name } = JSON.parse((await skep('-j', 'link', 'show', 'pinned', '/sys/fs/bpf/iter')).stdout);
    expect(target_name).toBe('bpf_map');
    kernel.unlink('/sys/fs/bpf/iter');
  });
});
