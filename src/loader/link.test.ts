import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../test/support/objects.ts';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { SysError, UsageError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { queryPrograms } from './attach/query.ts';
import { attachProgramToDevice, attachToDevice } from './attach/tcx.ts';
import { addDevice, deleteDevice } from './devices.ts';
import { type BpfLink, listLinks, openLink } from './link.ts';
import { load } from './load.ts';
import { openObject } from './object.ts';
import { type BpfProgram, openProgram } from './program.ts';

const OBJECT = 'examples/cgroup/tc_count.bpf.o';
const code = (name: string) => expect.objectContaining({ name: 'SysError', code: name });

function machine(): Kernel {
  const { kernel } = createEmbeddedKernel();
  addDevice(kernel, { kind: 'dummy', name: 'd0' });
  return kernel;
}

/** The object's one program, with a map of its own. */
function program(kernel: Kernel): BpfProgram {
  const loaded = load(kernel, openObject(objectBytes(OBJECT), { file: OBJECT }), { isolate: ['shared'] });
  return first(loaded.programs);
}

function first(programs: Readonly<Record<string, BpfProgram>>): BpfProgram {
  const [found] = Object.values(programs);
  if (found === undefined) throw new Error('no program');
  return found;
}

function attached(kernel: Kernel): number[] {
  return queryPrograms(kernel, { device: 'd0' }, 'tcx_egress').programs.map(({ id }) => id);
}

describe('links', () => {
  it('are held by their handle, and known to the program’s until then', () => {
    const kernel = machine();
    using a = program(kernel);
    const link = attachToDevice(a, 'd0', 'tcx_egress');
    expect([...a.attachments]).toEqual([link]);
    expect(link.label).toBe(`link ${link.id} (tcx)`);
    link.close();
    link.close();
    expect([a.attachments.size, attached(kernel)]).toEqual([0, []]);
    expect(() => link.fd).toThrow(code('EBADF'));
    expect(() => link.info).toThrow(code('EBADF'));
  });

  it('take each other’s place', () => {
    const kernel = machine();
    using a = program(kernel);
    using b = program(kernel);
    using link = attachToDevice(a, 'd0', 'tcx_egress');
    expect(() => link.update(b, { old: b })).toThrow(code('EPERM'));
    link.update(b, { old: a });
    expect(attached(kernel)).toEqual([b.id]);
    using elsewhere = program(machine());
    expect(() => link.update(elsewhere)).toThrow(UsageError);
  });

  it('are not opened as what they are not', () => {
    const kernel = machine();
    using a = program(kernel);
    using link = attachToDevice(a, 'd0', 'tcx_egress');
    link.pin('/sys/fs/bpf/link');
    a.pin('/sys/fs/bpf/program');
    expect(() => openLink(kernel, { pinned: '/sys/fs/bpf/program' })).toThrow('is a program, not a link');
    expect(() => openProgram(kernel, { pinned: '/sys/fs/bpf/link' })).toThrow('is a link, not a program');
    expect(() => openLink(kernel, { id: 99 })).toThrow(code('ENOENT'));
    expect([...listLinks(kernel)].map(({ id }) => id)).toEqual([link.id]);
  });

  it('outlive their device', () => {
    const kernel = machine();
    using a = program(kernel);
    using link = attachToDevice(a, 'd0', 'tcx_egress');
    deleteDevice(kernel, 'd0');
    expect(link.info).toMatchObject({ type: 'tcx', ifindex: 0 });
  });

  it('are asked for in one place', () => {
    const kernel = machine();
    using a = program(kernel);
    expect(() => attachToDevice(a, 'd0', 'tcx_egress', { before: 'all', after: 'all' })).toThrow(UsageError);
    expect(() => attachToDevice(a, 'd1', 'tcx_egress')).toThrow(code('ENODEV'));
  });

  it('of a load that fails are taken back', () => {
    const kernel = machine();
    let link: BpfLink | undefined;
    const failing = () =>
      load(kernel, openObject(objectBytes(OBJECT), { file: OBJECT }), {}, (loaded) => {
        link = attachToDevice(first(loaded.programs), 'd0', 'tcx_egress');
        attachToDevice(first(loaded.programs), 'd0', 'tcx_egress');
      });
    expect(failing).toThrow(code('EEXIST'));
    expect(link).toBeDefined();
    expect([...listLinks(kernel)]).toEqual([]);
    expect(attached(kernel)).toEqual([]);
  });

  it('that the kernel does not have say which', () => {
    const kernel = machine();
    using a = program(kernel);
    expect(() => attachToDevice(a, 'd0', 'netkit_peer')).toThrow(/cannot attach to netkit_peer yet/);
    const refused = () => attachProgramToDevice(a, 'd0', 'netkit_primary');
    expect(refused).toThrow(SysError);
    expect(refused).toThrow(code('ENOTSUPP'));
  });
});
