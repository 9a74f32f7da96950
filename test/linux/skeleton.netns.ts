import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CoreTypes, parseBtf } from '../../src/btf/index.ts';
import { generateSkeleton, generateSubskeleton } from '../../src/codegen/index.ts';
import { parseCoreRelocations } from '../../src/object/index.ts';
import { root } from '../support/kernels.ts';
import { objectBytes } from '../support/objects.ts';

const folder = mkdtempSync(join(tmpdir(), 'skep-skeleton-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Sets, loads, runs, reads: C and C++ alike. */
const GLOBALS = `
#include <stdio.h>
#include <bpf/bpf.h>
#include "globals.h"
#include "globals.skel.h"

int main()
{
	struct bpf_object_open_opts open = {};
	struct bpf_test_run_opts run = {};
	char packet[64] = {};
	size_t size;

	open.sz = sizeof(open);
	open.kconfig = "CONFIG_HZ=250\\nCONFIG_BPF_SYSCALL=y\\n";
	struct globals *skel = globals__open_opts(&open);
	if (!skel)
		return 1;
	printf("%s %c %d\\n", skel->rodata->label, skel->rodata->tight_const.c, (int)skel->rodata->tight_const.n);
	printf("%d %d %d %d %d\\n", skel->data->first, (int)skel->data->far_away, (int)skel->data->huge, skel->data->bits.last, skel->data->grid[1][2]);
	printf("%d %d %d %d %.1f\\n", (int)skel->data->nameless.wide, skel->data->nameless.kind, skel->data->loose, skel->data->shade, skel->data->ratio);
	printf("%p %p %d %d\\n", (void *)skel->data->row[1], (void *)skel->data->function, skel->data_custom->custom, skel->rodata_limits->limits[1]);
	skel->rodata->factor = 3;
	if (globals__load(skel) || globals__attach(skel))
		return 2;
	run.sz = sizeof(run);
	run.data_in = packet;
	run.data_size_in = sizeof(packet);
	run.repeat = 1;
	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.use), &run))
		return 3;
	printf("%d %d %d %d\\n", (int)skel->bss->result, skel->bss->places[1].x, skel->bss->seen, skel->bss->hz);
	printf("%d %d\\n", skel->kconfig->CONFIG_HZ, skel->kconfig->CONFIG_BPF_SYSCALL);
	globals__elf_bytes(&size);
	printf("%d %s %d\\n", (int)size, bpf_map__name(skel->maps.dat_), skel->links.use == NULL);
	globals__detach(skel);
	globals__destroy(skel);
#ifdef __cplusplus
	skel = globals::open_and_load();
	printf("%d\\n", skel ? skel->data_custom->custom : -1);
	globals::destroy(skel);
#endif
	return 0;
}
`;
const PRINTED = `label c 5
1 3 5 -3 6
10 2 5 -1 1.5
0x4 0x2 11 13
429 0 1 250
250 1
SIZE dat_ 1
`;

/** Through a subskeleton, in an object that something else opened. */
const TEMPLATE = `
#include <stdio.h>
#include <linux/types.h>
#include "template.skel.h"
#include "library.skel.h"

int main()
{
	struct template_bpf *whole = template_bpf__open();
	struct library *part = whole ? library__open(whole->obj) : NULL;

	if (!part)
		return 1;
	*part->rodata.mark = 9;
	printf("%d %d %d\\n", whole->rodata->mark, part->progs.template == whole->progs.template, part->maps.bss == whole->maps.bss);
	library__destroy(part);
	template_bpf__destroy(whole);
	return 0;
}
`;

/** Loads through CO-RE with types from a file, and without. */
const CUSTOM = `
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include "core_live.skel.h"

static int tag(const char *types, unsigned char *out)
{
	LIBBPF_OPTS(bpf_object_open_opts, open, .btf_custom_path = types);
	struct core_live *skel = core_live__open_opts(&open);
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (!skel || core_live__load(skel) || bpf_obj_get_info_by_fd(bpf_program__fd(skel->progs.live), &info, &size))
		return 1;
	memcpy(out, info.tag, sizeof(info.tag));
	core_live__destroy(skel);
	return 0;
}

int main()
{
	unsigned char whole[8], minimal[8];

	if (tag(NULL, whole) || tag("min.btf", minimal))
		return 1;
	puts(memcmp(whole, minimal, 8) ? "other instructions" : "the same");
	return 0;
}
`;

/** What a program prints; skips the test where it cannot be compiled. */
function run(skip: (reason: string) => void, compiler: string, code: string): string {
  const words = ['-Wall', '-Werror', '-Wno-unused-function', '-', '-o', 'program', `-I${root}/test/objects`, '-lbpf'];
  const language = compiler.endsWith('++') ? 'c++' : 'c';
  const made = spawnSync(compiler, ['-x', language, ...words], { cwd: folder, input: code, encoding: 'utf8' });
  if (made.error !== undefined || /bpf\/(lib)?bpf\.h: No such|cannot find -lbpf/.test(made.stderr))
    skip(`${compiler} or libbpf-dev is not installed`);
  expect(made.stderr).toBe('');
  const ran = spawnSync('./program', { cwd: folder, encoding: 'utf8' });
  if (ran.stderr.includes('failed to open system Kconfig')) skip('this kernel shows no configuration');
  expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status: 0, stderr: '' });
  return ran.stdout;
}

describe('programs that use a skeleton, with libbpf and the running kernel', () => {
  const bytes = objectBytes('test/objects/globals.o');
  writeFileSync(join(folder, 'globals.skel.h'), generateSkeleton(bytes, { file: 'globals.o' }).text);
  const template = { bytes: objectBytes('examples/globals/template.bpf.o'), file: 'template.bpf.o' };
  writeFileSync(join(folder, 'template.skel.h'), generateSkeleton(template.bytes, template).text);
  writeFileSync(
    join(folder, 'library.skel.h'),
    generateSubskeleton(template.bytes, { ...template, name: 'library' }).text,
  );
  const printed = PRINTED.replace('SIZE', String(bytes.length));

  it.for([
    ['gcc', printed],
    ['g++', `${printed}11\n`],
  ] as const)('read and set globals with %s', ([compiler, wanted], context) => {
    expect(run((reason) => context.skip(reason), compiler, GLOBALS)).toBe(wanted);
  });

  it('do the same with the header of bpftool', (context) => {
    const made = spawnSync('bpftool', ['gen', 'skeleton', 'test/objects/globals.o'], { encoding: 'utf8', cwd: root });
    if (made.error !== undefined) context.skip('bpftool is not installed');
    writeFileSync(join(folder, 'other.skel.h'), made.stdout);
    const code = GLOBALS.replace('globals.skel.h', 'other.skel.h');
    expect(run((reason) => context.skip(reason), 'gcc', code)).toBe(printed);
  });

  it('find the parts of another object', (context) => {
    expect(run((reason) => context.skip(reason), 'gcc', TEMPLATE)).toBe('9 1 1\n');
  });

  it('load with the types of gen min_core_btf as with those of the kernel', (context) => {
    const live = objectBytes('test/objects/core_live.o');
    const types = new CoreTypes(parseBtf(readFileSync('/sys/kernel/btf/vmlinux')));
    const { btf, relocations } = parseCoreRelocations(live);
    for (const relocation of relocations) types.add(btf, relocation);
    writeFileSync(join(folder, 'min.btf'), types.bytes());
    writeFileSync(join(folder, 'core_live.skel.h'), generateSkeleton(live, { file: 'core_live.o' }).text);
    expect(run((reason) => context.skip(reason), 'gcc', CUSTOM)).toBe('the same\n');
  });
});
