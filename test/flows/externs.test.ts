import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect } from 'vitest';
import { flow } from './flow.ts';

const OBJECT = 'test/objects/externs.o';
const OPTIONS = [
  'CONFIG_HZ=1000',
  '# CONFIG_NET_CLS_BPF is not set',
  'CONFIG_NET_CLS_BPF=m',
  'CONFIG_BPF_SYSCALL=y',
  'CONFIG_DEFAULT_HOSTNAME="a long name"',
  'CONFIG_SKEP_NUMBER=0xfedcba9876543210',
  'CONFIG_SKEP_LETTER=y',
];

/** The same for both kernels: its name is in what they say. */
const work = mkdtempSync(join(tmpdir(), 'skep-externs-'));
afterAll(() => rmSync(work, { recursive: true }));

flow('externs: what an object leaves to the kernel', (f) => {
  const config = join(work, 'config.gz');
  writeFileSync(config, gzipSync(`${OPTIONS.join('\n')}\n`));
  writeFileSync(join(work, 'packet'), new Uint8Array(64));
  const load = (path: string, ...words: string[]) =>
    f.kernel.skep('prog', 'loadall', OBJECT, `/sys/fs/bpf/${path}`, 'pinmaps', `/sys/fs/bpf/${path}`, ...words);

  // Options of a file, before those of the kernel
  const loaded = load('given', 'kconfig', config);
  expect(loaded).toMatchObject({ status: 0, stdout: '' });
  expect(loaded.stderr).toContain('warning: CONFIG_DEFAULT_HOSTNAME="a long name" is cut off after 7 bytes');
  for (const program of ['options', 'absent'])
    f.run('prog', 'run', 'pinned', `/sys/fs/bpf/given/${program}`, 'data_in', join(work, 'packet'), 'repeat', '1');
  const [{ formatted }] = JSON.parse(f.ask('-j', 'map', 'dump', 'pinned', '/sys/fs/bpf/given/externs_bss'));
  expect(formatted.value['.bss'][0].seen).toMatchObject({
    hz: 1000,
    cls: 'TRI_MODULE',
    bpf: true,
    letter: 121,
    hostname: 'a long ',
    number: Number(0xfedcba9876543210n),
    absent: 0,
    absent_variable: 0,
    called: 0,
  });

  // Those of the kernel
  expect(load('own')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  f.run('prog', 'run', 'pinned', '/sys/fs/bpf/own/options', 'data_in', join(work, 'packet'), 'repeat', '1');
  const [own] = JSON.parse(f.ask('-j', 'map', 'dump', 'pinned', '/sys/fs/bpf/own/externs_kconfig'));
  const values = own.formatted.value['.kconfig'];
  expect(JSON.stringify(values)).toContain('"CONFIG_BPF_SYSCALL":true');

  // What does not fit
  writeFileSync(config, 'CONFIG_HZ=y\n');
  expect(f.fails(2, 'prog', 'loadall', OBJECT, '/sys/fs/bpf/bad', 'kconfig', config)).toContain(
    'CONFIG_HZ=y: the program declares it as int',
  );
  writeFileSync(config, gzipSync('CONFIG_HZ=1\n'.repeat(100)).subarray(0, 30));
  expect(f.fails(3, 'prog', 'loadall', OBJECT, '/sys/fs/bpf/bad', 'kconfig', config)).toContain(
    'the configuration is packed, and damaged',
  );
  expect(f.fails(2, 'prog', 'loadall', OBJECT, '/sys/fs/bpf/bad', 'set', 'CONFIG_HZ=1')).toContain(
    "CONFIG_HZ is an option of the kernel's",
  );
  expect(f.run('plan', OBJECT)).toContain('.kconfig');
});
