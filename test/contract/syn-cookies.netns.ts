import { afterAll, beforeEach, describe } from 'vitest';
import { createLinuxNetBench } from '../support/linux-net-bench.ts';
import { skipNotAsked } from './since.ts';
import { synCookies } from './syn-cookies.ts';

describe('SYN cookies, on linux', () => {
  beforeEach(skipNotAsked('SYN cookies'));
  const bench = createLinuxNetBench();
  afterAll(() => bench[Symbol.dispose]());
  synCookies(bench);
});
