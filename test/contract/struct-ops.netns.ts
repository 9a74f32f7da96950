import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { congestionNames, ownCongestionNames } from '../support/congestion-names.ts';
import { skipNotAsked } from './since.ts';
import { structOps } from './struct-ops.ts';

describe('structs of functions, on linux', () => {
  let own: Disposable | undefined;
  beforeAll(async () => {
    own = await ownCongestionNames();
  });
  afterAll(() => own?.[Symbol.dispose]());
  beforeEach((context) => skipNotAsked('structs of functions')(context));
  structOps(createLinuxKernel(), congestionNames);
});
