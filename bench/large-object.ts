import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A source with `programs` programs of some 400 instructions, each of which reads the running task through CO-RE. */
function source(programs: number): string {
  const reads = Array.from(
    { length: 20 },
    (_, i) =>
      `pids[${i}] += BPF_CORE_READ(task, ${i % 2 === 0 ? 'pid' : 'tgid'}) + BPF_CORE_READ(task, mm, start_stack);`,
  );
  const bodies = Array.from(
    { length: programs },
    (_, i) => `
SEC("raw_tp/sys_enter")
int program_${i}(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	${reads.join('\n\t')}
	return 0;
}`,
  );
  return `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct mm_struct { unsigned long start_stack; };
struct task_struct { int pid, tgid; struct mm_struct *mm; };
#pragma clang attribute pop
unsigned long pids[20];
${bodies.join('\n')}
char _license[] SEC("license") = "GPL";
`;
}

/** An object of more than 1 MB with its debug information, as clang makes it; `undefined` without clang 19. */
export function compileLarge(programs = 100): Uint8Array | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'skep-bench-'));
  try {
    const out = join(folder, 'large.o');
    const flags = [
      '--target=bpf',
      '-O2',
      '-g',
      '-mcpu=v3',
      `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
    ];
    const { status, error } = spawnSync('clang-19', [...flags, '-x', 'c', '-c', '-', '-o', out], {
      input: source(programs),
    });
    return status === 0 && error === undefined ? readFileSync(out) : undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
