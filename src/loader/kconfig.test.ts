import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { machine } from '../../test/support/machine.ts';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { NotSupportedError, ObjectError, UsageError } from '../errors.ts';
import type { KconfigExtern } from '../object/spec.ts';
import { configText, kconfigContent, versionCode } from './kconfig.ts';

const { kernel } = createEmbeddedKernel();

function variable(as: KconfigExtern['as'], size: number, more: Partial<KconfigExtern> = {}): KconfigExtern {
  return { kind: 'kconfig', name: 'CONFIG_X', weak: false, as, signed: false, offset: 0, size, ...more };
}

function content(extern: KconfigExtern, value: string): number[] {
  return [...kconfigContent(kernel, [extern], `${extern.name}=${value}\n`).content];
}

const signed = { signed: true };

describe('kconfigContent', () => {
  it.each<[string, KconfigExtern, string, number[]]>([
    ['y is true', variable('bool', 1), 'y', [1]],
    ['n is false', variable('bool', 1), 'n', [0]],
    ['a bool takes 1', variable('bool', 1), '1', [1]],
    ['m of a tristate', variable('tristate', 4), 'm', [2, 0, 0, 0]],
    ['y of a tristate', variable('tristate', 4), 'y', [1, 0, 0, 0]],
    ['a letter', variable('char', 1), 'm', [0x6d]],
    ['a small number', variable('char', 1, signed), '-1', [255]],
    ['a number', variable('int', 4), '250', [250, 0, 0, 0]],
    ['hexadecimal', variable('int', 2), '0xFFfe', [0xfe, 0xff]],
    ['octal', variable('int', 4), '0644', [0xa4, 1, 0, 0]],
    ['the largest', variable('int', 8), '0xffffffffffffffff', [255, 255, 255, 255, 255, 255, 255, 255]],
    ['the smallest', variable('int', 2, signed), '-32768', [0, 128]],
    ['a text', variable('chars', 6), '"skep"', [0x73, 0x6b, 0x65, 0x70, 0, 0]],
    ['a text that is cut', variable('chars', 4), '"skep"', [0x73, 0x6b, 0x65, 0]],
    ['blanks at the end', variable('int', 1), '7  \t', [7]],
  ])('%s', (_name, extern, value, want) => {
    expect(content(extern, value)).toEqual(want);
  });

  it.each<[string, KconfigExtern, string, RegExp]>([
    ['m of a bool', variable('bool', 1), 'm', /CONFIG_X=m: the program declares it as bool/],
    ['2 of a bool', variable('bool', 1), '2', /declares it as bool/],
    ['y of an int', variable('int', 4), 'y', /declares it as int/],
    ['a text for an int', variable('int', 4), '"7"', /declares it as int, not as an array of char/],
    ['a number for a text', variable('chars', 4), '7', /declares it as chars/],
    ['too large', variable('int', 2), '65536', /does not fit in 2 bytes/],
    ['too large for its sign', variable('int', 2, signed), '32768', /does not fit in 2 signed bytes/],
    ['negative', variable('int', 4), '-1', /does not fit in 4 bytes/],
    ['no number', variable('int', 4), '12abc', /neither y, n or m, nor a number/],
    ['not octal', variable('int', 4), '089', /nor a number/],
    ['nothing', variable('int', 4), '', /nor a number/],
  ])('refuses %s', (_name, extern, value, message) => {
    expect(() => content(extern, value)).toThrow(UsageError);
    expect(() => content(extern, value)).toThrow(message);
  });

  it('says that a text was cut', () => {
    const { warnings } = kconfigContent(kernel, [variable('chars', 4)], 'CONFIG_X="skep"');
    expect(warnings).toEqual(['CONFIG_X="skep" is cut off after 3 bytes']);
  });

  it('takes the first line, before that of the kernel', () => {
    const hz = variable('int', 4, { name: 'CONFIG_HZ' });
    expect([...kconfigContent(kernel, [hz], 'CONFIG_HZ=100\nCONFIG_HZ=1000').content]).toEqual([100, 0, 0, 0]);
    expect([...kconfigContent(kernel, [hz], undefined).content]).toEqual([250, 0, 0, 0]);
  });

  it('leaves weak ones 0, and refuses others that nobody knows', () => {
    const weak = variable('int', 4, { weak: true });
    expect([...kconfigContent(kernel, [weak], undefined).content]).toEqual([0, 0, 0, 0]);
    expect(() => kconfigContent(kernel, [variable('int', 4)], undefined)).toThrow(NotSupportedError);
    expect(() => kconfigContent(kernel, [variable('int', 4)], '# CONFIG_X is not set')).toThrow(
      "an object that needs CONFIG_X, which the configuration given and this kernel's lack",
    );
    expect(() => kconfigContent(kernel, [variable('int', 4, { name: 'LINUX_NOTHING' })], undefined)).toThrow(
      NotSupportedError,
    );
  });

  it('knows what is in no configuration', () => {
    const version = variable('int', 4, { name: 'LINUX_KERNEL_VERSION' });
    const cookie = variable('bool', 1, { name: 'LINUX_HAS_BPF_COOKIE', offset: 4 });
    const wrapper = variable('bool', 1, { name: 'LINUX_HAS_SYSCALL_WRAPPER', offset: 5 });
    const { content } = kconfigContent(kernel, [version, cookie, wrapper], undefined);
    expect([...content]).toEqual([0, 18, 6, 0, 1, 0]);
  });
});

describe('configText', () => {
  it('unpacks', () => {
    expect(configText(gzipSync('CONFIG_A=y\n'))).toBe('CONFIG_A=y\n');
    expect(configText(new TextEncoder().encode('CONFIG_A=y\n'))).toBe('CONFIG_A=y\n');
  });

  it('refuses what is damaged or endless', () => {
    const packed = gzipSync('CONFIG_A=y\n'.repeat(1000));
    packed[20] = 255 - (packed[20] ?? 0);
    expect(() => configText(packed)).toThrow(ObjectError);
    expect(() => configText(gzipSync(new Uint8Array(1 << 25)))).toThrow(/more than 16777216 bytes/);
  });
});

describe('versionCode', () => {
  const DEBIAN =
    'Linux version 5.10.0-32-cloud-amd64 (debian-kernel@lists.debian.org) (gcc-10 (Debian 10.2.1-6) 10.2.1 20210110, GNU ld 2.35.2) #1 SMP Debian 5.10.223-1 (2024-08-10)';
  it.each<[string, Readonly<Record<string, string>>, number | undefined]>([
    ['the release', { '/proc/sys/kernel/osrelease': '6.1.9-x\n' }, 0x060109],
    [
      'Debian, made with another Debian',
      { '/proc/sys/kernel/osrelease': '5.10.0-32\n', '/proc/version': DEBIAN },
      0x050adf,
    ],
    [
      'Ubuntu',
      { '/proc/sys/kernel/osrelease': '5.15.0\n', '/proc/version_signature': 'Ubuntu 5.15.0-1 5.15.60\n' },
      0x050f3c,
    ],
    ['nothing', {}, undefined],
  ])('%s', (_name, files, want) => {
    expect(versionCode(machine({ files, mounts: {}, bpf: 0 }))).toBe(want);
  });
});
