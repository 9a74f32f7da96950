import { describe } from 'vitest';
import { createEmbeddedNetBench } from '../support/embedded-net-bench.ts';
import { routingHelpers } from './routing-helpers.ts';

describe('helpers that know the network on embedded', () => routingHelpers(createEmbeddedNetBench));
