import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { BUILT } from './built.ts';
import { watchLeftovers } from './leftovers.ts';

const root = resolve(import.meta.dirname, '../..');
const dist = join(root, 'dist');
const stamp = join(root, 'node_modules/.cache/skep-dist-built');

/** Before all tests and after them: dist/ is what the sources say, and nothing stays behind (see {@link watchLeftovers}). */
export default function setup(): () => Promise<void> {
  if (BUILT === undefined) buildDist();
  const leftovers = watchLeftovers();
  return async () => {
    const left = await leftovers();
    if (left.length === 0) return;
    process.exitCode = 1; // vitest only prints what is thrown here
    throw new Error(`the tests left behind:\n${left.join('\n')}`);
  };
}

/**
 * Builds dist/ before the tests if a source is newer than it: the tests that run commands, or processes in namespaces, run what users run. Types
 * are no matter here. Files are replaced one by one, and only those that differ, because other test runs may be reading them.
 */
function buildDist(): void {
  const started = Date.now();
  if (
    existsSync(join(dist, 'bundle/skep.js')) &&
    existsSync(stamp) &&
    Number(readFileSync(stamp, 'utf8')) > newest(join(root, 'src'))
  )
    return;
  mkdirSync(dirname(stamp), { recursive: true });
  const fresh = mkdtempSync(join(dirname(stamp), 'dist-'));
  try {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout, error } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', fresh], {
      cwd: root,
      encoding: 'utf8',
    });
    if (error !== undefined || !existsSync(join(fresh, 'index.js')))
      throw new Error(`dist/ cannot be built: ${error ?? stdout}`);
    const bundled = spawnSync(process.execPath, [join(root, 'tools/bundle.js'), fresh], {
      cwd: root,
      encoding: 'utf8',
    });
    if (bundled.status !== 0) throw new Error(`dist/bundle cannot be built: ${bundled.error ?? bundled.stderr}`);
    for (const name of readdirSync(fresh, { recursive: true, encoding: 'utf8' }))
      replace(join(fresh, name), join(dist, name));
    writeFileSync(stamp, `${started}\n`);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function newest(directory: string): number {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return Math.max(...names.map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0));
}

function replace(from: string, to: string): void {
  if (statSync(from).isDirectory()) {
    mkdirSync(to, { recursive: true });
    return;
  }
  mkdirSync(dirname(to), { recursive: true });
  if (existsSync(to) && readFileSync(to).equals(readFileSync(from))) return;
  renameSync(from, to);
}
