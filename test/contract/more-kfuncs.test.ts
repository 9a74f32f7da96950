import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { load, openObject } from '../../src/index.ts';
import { objectBytes } from '../support/objects.ts';
import { moreKfuncs } from './more-kfuncs.ts';

// On Linux the same: more-kfuncs.netns.ts.
describe('more functions of the kernel, on embedded', () => {
  moreKfuncs(createEmbeddedKernel().kernel);

  it('there is always memory for what a program prints', () => {
    const { kernel } = createEmbeddedKernel();
    const object = openObject(objectBytes('test/objects/more_kfuncs.o'), { file: 'more_kfuncs.o' });
    using loaded = load(kernel, object, { programs: object.spec.programs.filter(({ name }) => name === 'prints') });
    loaded.program('prints').run({});
    const stream_buf = new Uint8Array(64);
    const { fd: prog_fd } = loaded.program('prints');
    const read = kernel.bpf('BPF_PROG_STREAM_READ_BY_FD', { prog_fd, stream_id: 2, stream_buf, stream_buf_len: 64 });
    expect(new TextDecoder().decode(stream_buf.slice(0, read))).toBe('-1 word beef\n');
  });
});
