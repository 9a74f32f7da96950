import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Violation } from '../../src/explain/violation.ts';
import { LICENSE, PRELUDE } from '../../src/explain/violations/prelude.ts';
import { root } from './kernels.ts';

/** The two examples of a kind of violation: what is refused, and what is not. */
export type Which = 'before' | 'after';

const TRIPLE = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
const CLANG = process.env.CLANG ?? 'clang-19';
const STRIP = process.env.STRIP ?? 'llvm-strip-19';

/** Why examples cannot be compiled here; `undefined`: they can. */
export function compilerMissing(): string | undefined {
  for (const tool of [CLANG, STRIP]) {
    if (spawnSync(tool, ['--version']).error !== undefined) return `${tool} is not installed`;
  }
  return existsSync('/usr/include/bpf/bpf_helpers.h') ? undefined : 'the headers of libbpf are not installed';
}

/** The whole C file of an example. */
export function exampleSource({ example }: Violation, which: Which): string {
  const code = example?.[which] ?? '';
  return `${PRELUDE}\n${code}\n${code.includes('SEC("license")') ? '' : `\n${LICENSE}`}`;
}

/** The compiled example, as it is kept in the repository. */
export function examplePath({ code }: Violation, which: Which): string {
  return join(root, 'test/objects/violations', `${code}-${which}.o`);
}

export function exampleBytes(violation: Violation, which: Which): Uint8Array {
  return new Uint8Array(readFileSync(examplePath(violation, which)));
}

/** What clang makes of it now. Throws what clang says. */
export function compileExample(violation: Violation, which: Which): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'skep-example-'));
  try {
    // The name is in the object.
    const [source, object] = [`${violation.code}-${which}.c`, 'example.o'];
    writeFileSync(join(folder, source), exampleSource(violation, which));
    const include = `-I/usr/include/${TRIPLE[arch() as keyof typeof TRIPLE] ?? arch()}`; // other machines keep their headers elsewhere
    const flags = ['--target=bpf', '-O2', '-g', '-mcpu=v3', '-w', '-fdebug-compilation-dir=.', include];
    run(folder, CLANG, [...flags, '-c', source, '-o', object]);
    run(folder, STRIP, ['-g', object]);
    return new Uint8Array(readFileSync(join(folder, object)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(cwd: string, command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
}
