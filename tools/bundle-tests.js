/**
 * Makes JavaScript of the tests of the running kernel, before a machine is started that takes many times as long for it, and of what they share once.
 * vitest runs it from the directory that is returned as if it were the sources: they find themselves, and the repository, where they were.
 */
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = resolve(import.meta.dirname, '..');
/** Where node finds vitest and koffi from. */
const BUILT = join(root, 'node_modules/.cache/skep-tests');
/** What must not be there twice, or finds files beside its own. */
const EXTERNAL = /^(node:|vitest|koffi)/;

export async function bundleTests() {
  const others = [
    'vitest.config.ts',
    'test/support/global-setup.ts',
    'test/support/summary-reporter.ts',
    ...list('test', /^(netns-\w+|flows\/.*)\.test\.ts$/),
    ...list('src/engine/linux', /\.test\.ts$/),
  ];
  return bundleNamespaceTests(BUILT, others);
}

/** Those alone that run in namespaces, which vitest is started for one by one. */
export async function bundleNamespaceTests(directory, others = []) {
  const files = ['test/support/netns.config.ts', ...list('test', /\.netns\.ts$/), ...others];
  rmSync(directory, { recursive: true, force: true });
  const bundle = await rolldown({
    input: Object.fromEntries(files.map((file) => [file.replace(/\.ts$/, ''), join(root, file)])),
    platform: 'node',
    external: EXTERNAL,
    transform: { target: 'node20' },
    plugins: [{ name: 'in-place', transform: asInPlace, renderChunk: withoutTypes }],
    logLevel: 'warn',
  });
  await bundle.write({
    dir: directory,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
  });
  return directory;
}

function list(directory, names) {
  const all = readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' });
  return all.filter((name) => names.test(name)).map((name) => `${directory}/${name}`);
}

function asInPlace(code, id) {
  if (!id.startsWith(root) || !code.includes('import.meta')) return null;
  return code
    .replaceAll('import.meta.dirname', JSON.stringify(dirname(id)))
    .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href));
}

/** vitest's configurations name the files by their ends. */
function withoutTypes(code, { name }) {
  return name.endsWith('config') ? code.replaceAll('.ts"', '.js"') : null;
}
