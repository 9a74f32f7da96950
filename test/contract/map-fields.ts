import { expect, it } from 'vitest';
import { load, openObject, VerifierError } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { mapTypeNumber } from '../../src/uapi/bpf.ts';
import { objectBytes } from '../support/objects.ts';

/** Programs read what their maps are, through pointers to them. */
export function mapFields(kernel: Kernel): void {
  const object = openObject(objectBytes('test/objects/map_fields.o'), { file: 'map_fields.o' });
  const programs = object.spec.programs.filter(({ name }) => name.startsWith('read_'));

  it.each(programs.map(({ name }) => name))('%s', (name) => {
    using loaded = load(kernel, object, { programs: programs.filter((program) => program.name === name) });
    loaded.program(name).run({ data: new Uint8Array(64) });
    const { type, keySize, valueSize, maxEntries, mapExtra, flags, id } = loaded.map(name.slice('read_'.length)).info;
    const typeNumber = typeof type === 'string' ? mapTypeNumber[type] : type;
    const seen = (loaded.globals.seen as bigint[]).map(Number); // __u64[8]
    expect(seen.slice(0, 7)).toEqual([typeNumber, keySize, valueSize, maxEntries, Number(mapExtra), flags, id]);
    expect(id).toBeGreaterThan(0);
  });

  it('writes nothing there', () => {
    const wanted = { programs: object.spec.programs.filter(({ name }) => name === 'write_hash') };
    const loading = () => load(kernel, object, wanted);
    expect(loading).toThrow(VerifierError);
    expect(loading).toThrow(/only read from bpf_htab is supported/);
  });
}
