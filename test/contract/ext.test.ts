import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { attachTracing, load, openObject } from '../../src/index.ts';
import { objectBytes } from '../support/objects.ts';
import { extensionPrograms } from './ext.ts';

// On Linux the same: ext.netns.ts.
describe.each(['on', 'off'] as const)('programs in the place of functions, on embedded, compiler %s', (jit) => {
  extensionPrograms(createEmbeddedKernel({ jit }).kernel);
});

describe('programs in the place of functions, on several CPUs', () => {
  const object = openObject(objectBytes('test/objects/ext.o'), { file: 'ext.o' });
  const named = (...names: readonly string[]) => object.spec.programs.filter(({ name }) => names.includes(name));

  it.each([
    ['size', 'new_size', 66_303, 76_303],
    ['whole', 'new_whole', 66_303, 42],
  ])('%s', (func, name, before, after) => {
    using embedded = createEmbeddedKernel({ cpus: 2 });
    const { kernel, lab } = embedded;
    using targets = load(kernel, object, { programs: named('whole') });
    const whole = targets.program('whole');
    using loaded = load(kernel, object, {
      programs: named(name),
      targets: { [name]: { program: whole, function: func } },
    });
    const frames = Array.from({ length: 64 }, (_, i) => new Uint8Array(64).fill(i));
    using batch = lab.batch(kernel, whole.fd, frames, { cpus: 2 });
    const verdicts = () => new Set(batch.run(3).verdicts);
    expect(verdicts()).toEqual(new Set([before]));
    const link = attachTracing(loaded.program(name));
    expect(verdicts()).toEqual(new Set([after]));
    expect(loaded.map('counts').get(func === 'size' ? 0 : 3)).toBe(192n);
    link.close();
    expect(verdicts()).toEqual(new Set([before]));
  });
});
