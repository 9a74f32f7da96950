import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * Who may import whom, by folder of src/. A folder may import itself. `node` and packages are named as they are imported.
 * ARCHITECTURE.md says why.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': ['explain', 'uapi'],
  uapi: ['bytes'],
  bytes: ['errors.ts'],
  elf: ['bytes', 'errors.ts'],
  isa: ['uapi', 'bytes', 'errors.ts', '@noble/hashes'],
  btf: ['bytes', 'errors.ts'],
  explain: ['isa', 'errors.ts'],
  object: ['elf', 'isa', 'btf', 'uapi', 'bytes', 'errors.ts', '@noble/hashes'],
  linker: ['elf', 'btf', 'bytes', 'errors.ts'],
  codegen: ['object', 'btf', 'uapi', 'errors.ts'],
  sys: ['uapi', 'bytes', 'net', 'errors.ts'],
  net: ['uapi', 'bytes', 'sys', 'errors.ts'],
  loader: ['explain', 'object', 'elf', 'isa', 'btf', 'net', 'sys', 'uapi', 'bytes', 'errors.ts', 'fflate'],
  'engine/linux': ['net', 'sys', 'uapi', 'bytes', 'errors.ts', 'koffi', 'node'],
  'engine/embedded': ['isa', 'btf', 'net', 'sys', 'uapi', 'bytes', 'errors.ts'],
  server: ['sys', 'uapi', 'errors.ts', 'koffi', 'node'],
  cli: [
    'explain',
    'loader',
    'linker',
    'codegen',
    'object',
    'isa',
    'btf',
    'net',
    'server',
    'sys',
    'uapi',
    'bytes',
    'errors.ts',
    'node',
  ],
  'index.ts': ['explain', 'loader', 'object', 'sys', 'errors.ts', 'uapi'],
};

/** The composition roots: the only files of a folder that may also import an engine. */
const ROOTS: Readonly<Record<string, readonly string[]>> = {
  'cli/program.ts': ['engine/linux', 'engine/embedded'],
};

const src = resolve(import.meta.dirname, '../src');

function folderOf(path: string): string {
  const [first = '', second = ''] = path.split('/');
  return first === 'engine' ? `engine/${second}` : first;
}

/** What a file imports, as folders of src/, `node`, or package names. */
function imports(file: string): { specifier: string; folder: string }[] {
  const text = readFileSync(join(src, file), 'utf8');
  const patterns = [/^(?:import|export)\b[^;]*?\bfrom '([^']+)'/gm, /^import '([^']+)'/gm, /\bimport\('([^']+)'\)/g];
  const specifiers = patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? ''));
  return specifiers.map((specifier) => {
    if (specifier.startsWith('node:')) return { specifier, folder: 'node' };
    if (!specifier.startsWith('.'))
      return {
        specifier,
        folder: specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/'),
      };
    return { specifier, folder: folderOf(relative(src, resolve(src, dirname(file), specifier))) };
  });
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .sort();

describe('architecture', () => {
  it('has a row for every folder, and a folder for every row', () => {
    expect([...new Set(files.map(folderOf))].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  });

  it.each(files)('%s imports only what its folder may', (file) => {
    const folder = folderOf(file);
    const allowed = [folder, ...(MAY_IMPORT[folder] ?? []), ...(ROOTS[file] ?? [])];
    const strangers = imports(file).filter((found) => !allowed.includes(found.folder));
    expect(strangers.map((found) => found.specifier)).toEqual([]);
  });

  it('lets only koffi be loaded by engine/linux and nothing by a static import', () => {
    const staticUsers = files.filter((file) => /^import .* from 'koffi'/m.test(readFileSync(join(src, file), 'utf8')));
    expect(staticUsers.filter((file) => !file.startsWith('engine/linux/'))).toEqual([]);
  });
});
