import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from '../../../test/support/kernels.ts';
import { linuxWorks } from '../../../test/support/linux.ts';

// With the running kernel these commands work on all files: a directory of the test's own, then.
describe.runIf(linuxWorks())('fs on the running kernel', () => {
  const work = mkdtempSync(join(tmpdir(), 'skep-fs-'));
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  function fs(...words: readonly string[]) {
    const line = [join(root, 'bin/skep'), '--kernel', 'linux', 'fs', ...words];
    const { status, stderr } = spawnSync(process.execPath, line, { cwd: work, encoding: 'utf8' });
    return { status, stderr };
  }

  it.each([
    ['name', ['name']],
    ['above/below/', ['above', 'above/below']],
    ['./here', ['here']],
    ['d//e', ['d', 'd/e']],
  ])('mkdir %s makes that, relative to the working directory', (path, made) => {
    const before = readdirSync(work, { recursive: true, encoding: 'utf8' });
    expect(fs('mkdir', path)).toEqual({ status: 0, stderr: '' });
    const after = readdirSync(work, { recursive: true, encoding: 'utf8' });
    expect(after.filter((name) => !before.includes(name)).sort()).toEqual(made);
  });

  it('mkdir says what is there already', () => {
    mkdirSync(join(work, 'there'));
    expect(fs('mkdir', 'there')).toEqual({ status: 2, stderr: 'Error: there exists already\n' });
    expect(fs('mkdir', '/')).toEqual({ status: 2, stderr: 'Error: / exists already\n' });
  });

  it('mv moves into a directory, or to a name', () => {
    mkdirSync(join(work, 'into'));
    writeFileSync(join(work, 'file'), '');
    expect(fs('mv', 'file', 'into')).toEqual({ status: 0, stderr: '' });
    expect(existsSync(join(work, 'into/file'))).toBe(true);
    expect(fs('mv', 'into/file', 'new')).toEqual({ status: 0, stderr: '' });
    expect(existsSync(join(work, 'new'))).toBe(true);
    expect(fs('mv', 'into/', 'other')).toEqual({ status: 0, stderr: '' });
    expect(existsSync(join(work, 'other'))).toBe(true);
  });
});
