import { describe } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { routingHelpers } from './routing-helpers.ts';

describe('helpers that know the network on linux', () => routingHelpers(createLinuxNetBench));
