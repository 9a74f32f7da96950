/** The directory in which tools/bundle-tests.js has put the tests as JavaScript, if those are run: node then imports them as they are. */
export const BUILT = process.env.SKEP_TEST_BUILT;

/** How vitest is told to. */
export const asBuilt = { viteModuleRunner: BUILT === undefined, nodeLoader: BUILT === undefined };
