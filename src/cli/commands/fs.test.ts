import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

  it('chmod and chown set what they say, and nothing else', () => {
    writeFileSync(join(work, 'mine'), '', { mode: 0o600 });
    const said = () => {
      const { mode, uid, gid } = statSync(join(work, 'mine'));
      return [(mode & 0o7777).toString(8), uid, gid];
    };
    expect(fs('chmod', '0640', 'mine')).toEqual({ status: 0, stderr: '' });
    expect(said()).toEqual(['640', 0, 0]);
    for (const [owner, want] of [
      ['7', [7, 0]],
      [':8', [7, 8]],
      ['9:10', [9, 10]],
    ] as const) {
      expect(fs('chown', owner, 'mine')).toEqual({ status: 0, stderr: '' });
      expect(said()).toEqual(['640', ...want]);
    }
    for (const words of [
      ['chmod', '8', 'mine'],
      ['chmod', '17777', 'mine'],
      ['chmod', '7'],
      ['chown', ':', 'mine'],
      ['chown', 'root', 'mine'],
      ['chown', '4294967295', 'mine'],
    ])
      expect(fs(...words)).toMatchObject({ status: 2 });
    expect(said()).toEqual(['640', 9, 10]);
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
