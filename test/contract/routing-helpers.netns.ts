import { beforeEach, describe } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { routingHelpers } from './routing-helpers.ts';
import { skipNotAsked } from './since.ts';

describe('helpers that know the network on linux', () => {
  beforeEach(skipNotAsked('routing helpers'));
  routingHelpers(createLinuxNetBench);
});
