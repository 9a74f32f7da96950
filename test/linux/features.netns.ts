import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { featuresJson, featuresText } from '../../src/cli/commands/feature-text.ts';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { addDevice } from '../../src/loader/devices.ts';
import { type Features, probeFeatures } from '../../src/loader/features.ts';
import { sinceByName, skipBefore } from '../support/since.ts';
import { SLOW } from '../support/slow.ts';

const kernel = createLinuxKernel();
const missing = spawnSync('bpftool', ['version']).error === undefined ? undefined : 'bpftool is not installed';
if (missing !== undefined) console.log(`skipped beside bpftool: ${missing}`);

function bpftool(...words: readonly string[]): string {
  const { stdout, status, stderr } = spawnSync('bpftool', words, { encoding: 'utf8', timeout: 60_000 * SLOW });
  expect(`${status} ${stderr}`).toMatch(/^0 /);
  return stdout;
}

type Json = Record<string, Record<string, unknown>>;
const json = (features: Features): Json => JSON.parse(JSON.stringify(featuresJson(features)));

/** What both know of a section: the names of each depend on its age. */
function common(ours: Json, theirs: Json, section: string): [ours: object, theirs: object] {
  const both = Object.keys(theirs[section] ?? {}).filter((name) => name in (ours[section] ?? {}));
  expect(both.length).toBeGreaterThan(0);
  const pick = (from: Json) => Object.fromEntries(both.map((name) => [name, from[section]?.[name]]));
  return [pick(ours), pick(theirs)];
}

let features: Features;
beforeAll(() => {
  features = probeFeatures(kernel, { full: true });
}, 120_000 * SLOW);

describe.skipIf(missing !== undefined)('what bpftool says of the running kernel', () => {
  let ours: Json;
  let theirs: Json;
  beforeAll(() => {
    ours = json(features);
    theirs = JSON.parse(bpftool('-j', 'feature', 'probe', 'kernel', 'full'));
  }, 120_000 * SLOW);

  it.each(['syscall_config', 'program_types', 'map_types', 'misc'])('is what we say: %s', (section) => {
    const [mine, its] = common(ours, theirs, section);
    expect(mine).toEqual(its);
    expect(Object.keys(ours[section] ?? {})).toEqual(expect.arrayContaining(Object.keys(theirs[section] ?? {})));
  });

  it('is what we say: system_config', () => {
    const [mine, its] = common(ours, theirs, 'system_config');
    expect(mine).toEqual(its);
    // Options that newer bpftools do not ask for.
    const known = Object.keys(theirs.system_config ?? {}).filter((name) => !name.startsWith('CONFIG_BPFILTER'));
    expect(Object.keys(ours.system_config ?? {})).toEqual(known);
  });

  it('is what we say: helpers', () => {
    const lists = Object.entries(theirs.helpers ?? {}) as [string, string[]][]; // the member's type
    const mine = (name: string) => (ours.helpers?.[name] ?? []) as readonly string[]; // as above
    // bpftools that do not know the verifier's words of Linux 6.10 and later take every helper for one of every type.
    const all = Math.max(...lists.map(([, names]) => names.length));
    const misled = lists.every(([, names]) => names.length === 0 || names.length === all);
    const builtins = new Set(JSON.parse(bpftool('-j', 'feature', 'list_builtins', 'helpers')));
    for (const [name, names] of lists) {
      const known = mine(name).filter((helper) => builtins.has(helper));
      expect(known.length === 0, name).toBe(names.length === 0);
      if (misled) expect(names, name).toEqual(expect.arrayContaining(known));
      else expect(known, name).toEqual(names);
    }
    if (misled) console.log('bpftool is too old for this kernel: it takes every helper for one of every program type');
  });

  it('is printed in the same lines', () => {
    const lines = (text: string) => text.split('\n').filter((line) => !/^\t|CONFIG_BPFILTER/.test(line));
    const printed = lines(featuresText(features));
    const its = lines(bpftool('feature', 'probe', 'kernel', 'full'));
    expect(printed.filter((line) => its.includes(line))).toEqual(its);
  });

  it('is what we say of a device', () => {
    addDevice(kernel, { kind: 'veth', name: 'd0', peer: 'd1' });
    const device = json(probeFeatures(kernel, { device: 'd0' }));
    const said: Json = JSON.parse(bpftool('-j', 'feature', 'probe', 'dev', 'd0'));
    expect(Object.keys(device)).toEqual(Object.keys(said));
    for (const section of Object.keys(said)) {
      const [mine, its] = common(device, said, section);
      expect(mine).toEqual(its);
    }
  });
});

describe('helpers that the embedded kernel allows', () => {
  it.for(['socket_filter', 'cgroup_skb', 'sched_cls', 'sched_act', 'xdp'] as const)(
    'Linux allows to %s',
    (type, context) => {
      skipBefore(context, '6.18', 'the same helpers for each program type');
      using embedded = createEmbeddedKernel().kernel;
      const allowed = probeFeatures(embedded, { full: true }).helpers[type] ?? [];
      expect(allowed.length).toBeGreaterThan(40);
      expect(allowed.filter((name) => !features.helpers[type]?.includes(name))).toEqual([]);
    },
  );
});

describe('helpers of types that the embedded kernel lacks', () => {
  // Source: man 7 bpf-helpers.
  it.for([
    ['kprobe', 'get_stackid', 'skb_store_bytes'],
    ['tracepoint', 'perf_event_output', 'redirect'],
    ['sock_ops', 'sock_ops_cb_flags_set', 'xdp_adjust_head'],
    ['sk_msg', 'msg_redirect_hash', 'skb_store_bytes'],
    ['cgroup_sysctl', 'sysctl_get_name', 'redirect'],
    ['sk_lookup', 'sk_assign', 'redirect'],
    ['syscall', 'sys_close', 'redirect'],
  ] as const)('%s calls %s, not %s', ([type, yes, no], context) => {
    skipBefore(context, sinceByName('prog').get(type) ?? '3.18', `programs of type ${type}`);
    const { programTypes, helpers } = features;
    expect(programTypes[type]).toBe(true);
    expect([helpers[type]?.includes(yes), helpers[type]?.includes(no)]).toEqual([true, false]);
  });
});
