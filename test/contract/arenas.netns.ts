import { beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { isAtLeast, running, skipBefore } from '../support/since.ts';
import { arenas } from './arenas.ts';
import { hasCmpxchg16b, skipNotAsked } from './since.ts';

describe('arenas, on linux', () => {
  beforeEach((context) => {
    skipBefore(context, '6.9', 'arenas');
    if (isAtLeast(running, '7.3') && !hasCmpxchg16b)
      context.skip('memory is handed out without locks, which needs a processor with CMPXCHG16B');
    skipNotAsked('arenas')(context);
  });
  arenas(createLinuxKernel());
});
