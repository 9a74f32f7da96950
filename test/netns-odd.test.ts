import { netnsSuite } from './support/netns-suite.ts';

netnsSuite(1);
