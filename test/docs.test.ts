import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../src/cli/exit.ts';
import { type CommandKernel, root, startEmbedded } from './support/kernels.ts';

/** The fenced blocks of a document in one language. */
function blocks(file: string, language: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    (match) => match[1] ?? '',
  );
}

describe.each(['README.md', 'docs/library.md'])('the programs in %s', (file) => {
  const programs = blocks(file, 'ts').filter((code) => code.includes('import '));

  it('are there', () => {
    expect(programs.length).toBeGreaterThan(0);
  });

  it.each(programs)('run and print what their comments say', (code) => {
    const script = join(root, `docs-${process.pid}.mjs`);
    writeFileSync(script, code);
    try {
      const { status, stdout, stderr } = spawnSync(process.execPath, [script], { cwd: root, encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const printed = [...code.matchAll(/console\.log\(.*\/\/ (.*)$/gm)].map((match) => match[1]);
      expect(stdout.trim().split('\n')).toEqual(printed);
    } finally {
      rmSync(script);
    }
  });
});

describe('the commands in docs/cli.md', () => {
  let kernel: CommandKernel;
  beforeAll(async () => {
    kernel = await startEmbedded();
  });
  afterAll(async () => {
    rmSync('/tmp/minimal.btf', { force: true });
    await kernel?.[Symbol.asyncDispose]();
    rmSync('/tmp/linked.o', { force: true });
  });

  const lines = blocks('docs/cli.md', 'sh')
    .join('\n')
    .split('\n')
    .filter((line) => line.startsWith('skep '));

  it('all succeed, one after the other', () => {
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      const { id } = line.includes(' id ') ? JSON.parse(kernel.ok('-j', 'map', 'show', 'name', 'shared')) : { id: 0 };
      const words = line.replace(/ id \d+/, ` id ${id}`).match(/'[^']*'|\S+/g) ?? [];
      kernel.ok(...words.slice(1).map((word) => word.replace(/^'(.*)'$/, '$1')));
      // The prog section shares the map of this object, which a user of that section has loaded.
      if (line.startsWith('skep tc qdisc del')) {
        kernel.ok(...'tc filter add dev veth0 egress bpf da obj examples/cgroup/tc_count.bpf.o'.split(' '));
      }
    }
  });
});

describe('docs/cli.md', () => {
  it('has every exit code', () => {
    const text = readFileSync(join(root, 'docs/cli.md'), 'utf8');
    const rows = [...text.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map((match) => [Number(match[1]), match[2]]);
    expect(rows).toEqual(Object.values(EXIT).map(([code, about]) => [code, about]));
  });
});

it('npm run demo prints the shared map', () => {
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'demo'], { cwd: root, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('ingress prints "map val: 0"');
  expect(stdout).toContain('ingress prints "map val: 4"');
  expect(stdout).toContain('map_sh[0] = 4');
});

it('the README shows what `skep plan` prints', () => {
  const [block = ''] = blocks('README.md', 'console');
  const [command = '', ...output] = block.trim().split('\n');
  const { stdout } = spawnSync(
    process.execPath,
    [join(root, 'bin/skep'), '--kernel', 'inprocess', ...command.split(' ').slice(2)],
    {
      cwd: join(root, 'examples/cgroup'),
      encoding: 'utf8',
    },
  );
  expect(stdout.trim().split('\n')).toEqual(output);
});
