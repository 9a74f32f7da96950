/** Makes JavaScript of all that `npm run test:kernels` runs; resolves with the directory. */
export function bundleTests(): Promise<string>;
/** Makes JavaScript of the tests that run in namespaces, and of `others`, paths from the root; resolves with the directory. */
export function bundleNamespaceTests(directory: string, others?: readonly string[]): Promise<string>;
