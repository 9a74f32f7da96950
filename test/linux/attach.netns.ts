import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import {
  type Attachment,
  BpfLink,
  type LoadedObject,
  listLinks,
  load,
  NotSupportedError,
  openObject,
  readIterator,
  SysError,
} from '../../src/index.ts';
import { objectBytes } from '../support/objects.ts';
import { skipBefore } from '../support/since.ts';

const kernel = createLinuxKernel();

function open(name: string) {
  return openObject(objectBytes(`test/objects/${name}.o`), { file: `${name}.o` });
}

/** Why a kernel does not do it, if it says that it cannot. Not every one has probes, or lets anybody use them. */
function lacking(error: unknown): string {
  if (error instanceof NotSupportedError) return error.message;
  if (error instanceof SysError && ['EPERM', 'EOPNOTSUPP', 'ENOTSUPP'].includes(error.code)) return error.message;
  throw error;
}

/** What the programs are on, once, in this process. */
function cause(link: Attachment): void {
  readFileSync('/proc/self/stat');
  expect(process.ppid).toBeGreaterThanOrEqual(0);
  if (link instanceof BpfLink && link.info.type === 'iter') readIterator(link);
}

function runs(loaded: LoadedObject): bigint {
  return [...loaded.map('runs')].reduce<bigint>((sum, [, n]) => sum + (typeof n === 'bigint' ? n : 0n), 0n);
}

describe.each(['attach', 'attach_probes'])('the programs of %s.o', (name) => {
  const object = open(name);
  const programs = object.spec.programs.filter(({ section }) => section !== 'xdp');

  it.for(programs)('$section', async (program, context) => {
    if (program.attachType === 'trace_kprobe_multi') skipBefore(context, '5.18', 'links of many kprobes');
    let loaded: LoadedObject | undefined;
    let link: Attachment | undefined;
    try {
      loaded = load(kernel, object.clone(), { programs: [program] });
      link = loaded.attach(program.name);
    } catch (error) {
      loaded?.close();
      context.skip(lacking(error));
    }
    if (loaded === undefined || link === undefined) return;
    try {
      cause(link);
      expect(runs(loaded)).toBeGreaterThan(0n);
      const id = link instanceof BpfLink ? link.id : undefined;
      link.detach();
      link.close();
      // A run on another CPU may still be on its way.
      await new Promise((resolve) => setTimeout(resolve, 20));
      const after = runs(loaded);
      readFileSync('/proc/self/stat');
      expect(process.ppid).toBeGreaterThanOrEqual(0);
      expect(runs(loaded)).toBe(after);
      expect([...listLinks(kernel)].map((info) => info.id)).not.toContain(id);
    } finally {
      link.close();
      loaded.close();
    }
  });
});

it('all programs of an object that say where, or none', () => {
  using loaded = load(kernel, open('attach'));
  const attached = loaded.attachAll();
  expect(attached).toHaveLength(5);
  for (const link of attached) link.close();
  expect(() => loaded.attach('on_xdp')).toThrow('its section xdp does not say what to attach it to');
});

describe('struct_ops', () => {
  const available = () => readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').trim().split(' ');

  it('are in force as long as their link, which takes others in their place', (context) => {
    skipBefore(context, '6.4', 'links of struct_ops');
    using one = load(kernel, open('struct_ops'));
    using other = load(kernel, open('struct_ops'));
    const [map, replacement] = [one.map('skep_link'), other.map('skep_link')];
    let link: BpfLink | undefined;
    try {
      link = one.registerStructOps('skep_link');
    } catch (error) {
      context.skip(lacking(error));
    }
    if (link === undefined) throw new Error('no link');
    using held = link;
    expect([...map.attachments]).toEqual([held]);
    // Two of one name cannot be in force; but this one is ready now.
    expect(() => other.registerStructOps('skep_link')).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    expect(available()).toContain('skep_link');
    expect(held.info).toMatchObject({ type: 'struct_ops', mapId: map.id });
    expect(() => held.update(map, { old: replacement })).toThrow(/EPERM|not permitted/);
    held.update(replacement, { old: map });
    expect(held.info).toMatchObject({ mapId: replacement.id });
    held.close();
    expect(available()).not.toContain('skep_link');
  });
});
