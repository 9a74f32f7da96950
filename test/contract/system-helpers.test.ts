import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { load, openObject } from '../../src/index.ts';
import { objectBytes } from '../support/objects.ts';
import { systemHelpers } from './system-helpers.ts';

// On Linux the same: system-helpers.netns.ts.
describe('helpers about the system, on embedded', () => {
  systemHelpers(createEmbeddedKernel().kernel);

  it('the lab sees signals, and nothing else happens', () => {
    const { kernel, lab } = createEmbeddedKernel();
    const object = openObject(objectBytes('test/objects/system_helpers.o'), { file: 'system_helpers.o' });
    using loaded = load(kernel, object, { programs: object.spec.programs.filter(({ name }) => name === 'signals') });
    loaded.program('signals').run({});
    expect(lab.signals(kernel)).toEqual([23, 23]);
  });
});
