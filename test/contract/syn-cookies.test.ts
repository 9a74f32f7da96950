import { afterAll, describe } from 'vitest';
import { createEmbeddedNetBench } from '../support/embedded-net-bench.ts';
import { synCookies } from './syn-cookies.ts';

describe('SYN cookies, on embedded', () => {
  const bench = createEmbeddedNetBench();
  afterAll(() => bench[Symbol.dispose]());
  synCookies(bench);
});
