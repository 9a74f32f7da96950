import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import {
  addDevice,
  deleteDevice,
  load,
  type MapSource,
  openMap,
  openObject,
  type PinRules,
  planLoad,
  setFilter,
  setQdisc,
} from './index.ts';

const root = resolve(import.meta.dirname, '../..');

function open(file: string) {
  return openObject(readFileSync(join(root, file)), { file });
}
const template = () => open('examples/globals/template.bpf.o');
const shared = () => open('examples/shared/shared.bpf.o');

const EBADF = expect.objectContaining({ code: 'EBADF' });
const USAGE = expect.objectContaining({ code: 'USAGE' });

describe('a closed handle', () => {
  it('does not reach what took over its fd', () => {
    const { kernel } = createEmbeddedKernel();
    const first = load(kernel, template());
    const { globals } = first;
    const data = first.map('.data');
    const program = first.program('template');
    first.close();
    using second = load(kernel, template());
    const before = second.globals.limit;
    expect(() => {
      globals.limit = 123n;
    }).toThrow(EBADF);
    expect(() => data.getBytes(new Uint8Array(4))).toThrow(EBADF);
    expect(() => program.run()).toThrow(EBADF);
    expect(second.globals.limit).toBe(before);
    expect(() => load(kernel, template(), { reuse: { '.data': data } })).toThrow(EBADF);
  });

  it('ends those that borrow from it', () => {
    const { kernel } = createEmbeddedKernel();
    const lender = load(kernel, template());
    using borrower = load(kernel, template(), { reuse: { '.data': lender.map('.data') } });
    expect(borrower.map('.data').id).toBe(lender.map('.data').id);
    borrower.map('.data').close();
    expect(lender.map('.data').getBytes(new Uint8Array(4))).toBeDefined();
    using other = load(kernel, template(), { reuse: { '.data': lender.map('.data') } });
    lender.close();
    expect(() => other.map('.data').getBytes(new Uint8Array(4))).toThrow(EBADF);
  });

  it('can be closed again', () => {
    const { kernel } = createEmbeddedKernel();
    const loaded = load(kernel, template());
    loaded.close();
    loaded.close();
  });
});

describe('a handle of another kernel', () => {
  it('is refused', () => {
    const one = createEmbeddedKernel().kernel;
    const two = createEmbeddedKernel().kernel;
    using loaded = load(one, shared(), { type: 'sched_cls' });
    const object = shared();
    object.maps.map_sh?.reuse(loaded.map('map_sh'));
    expect(() => load(two, object, { type: 'sched_cls' })).toThrow('map map_sh was opened in another kernel');
    addDevice(two, { name: 'd0', kind: 'dummy' });
    setQdisc(two, 'd0');
    const place = { device: 'd0', parent: 'egress' } as const;
    expect(() => setFilter(two, place, loaded.program('count_egress'))).toThrow(
      'program count_egress was opened in another kernel',
    );
    deleteDevice(two, 'd0');
  });
});

describe('names that every JavaScript object has', () => {
  it('are names of maps like others', () => {
    const { kernel } = createEmbeddedKernel();
    const { spec } = shared();
    const maps = spec.maps.map((map) => ({ ...map, name: 'constructor' }));
    const renamed = { ...spec, maps, programs: [] };
    expect(planLoad(kernel, [renamed])[0]?.fate).toEqual({ kind: 'new' });
    using loaded = load(kernel, renamed);
    expect(loaded.map('constructor').info.type).toBe('array');
    expect(() => loaded.map('toString')).toThrow(USAGE);
    expect(() => loaded.program('constructor')).toThrow(USAGE);
  });
});

describe('globals that were set', () => {
  it('are not lost silently when their section is reused', () => {
    const { kernel } = createEmbeddedKernel();
    using first = load(kernel, template());
    const object = template();
    object.globals.limit = 5n;
    object.maps['.data']?.reuse(first.map('.data'));
    expect(() => load(kernel, object)).toThrow(/globals that were set in it would be lost/);
  });
});

describe('an fd of the caller', () => {
  it('stays open if it is not a map', () => {
    const { kernel } = createEmbeddedKernel();
    using loaded = load(kernel, template());
    const program = loaded.program('template');
    expect(() => openMap(kernel, { fd: program.fd })).toThrow(/is a program, not a map/);
    expect(program.run({ data: new Uint8Array(64) }).retval).toBe(0);
    expect(() => load(kernel, template(), { reuse: { '.data': { fd: program.fd } } })).toThrow(USAGE);
  });
});

describe('arguments that make no sense', () => {
  const { kernel } = createEmbeddedKernel();
  it.each<[string, () => unknown]>([
    ['a negative fd', () => openMap(kernel, { fd: -1 })],
    ['no source', () => openMap(kernel, {} as MapSource)],
    ['other rules', () => load(kernel, template(), { pinRules: 'zz' as PinRules })],
    ['programs of another object', () => load(kernel, template(), { programs: shared().spec.programs })],
    ['a path for a file', () => openObject('template.bpf.o' as unknown as Uint8Array)],
  ])('%s', (_name, call) => {
    expect(call).toThrow(USAGE);
  });
});
