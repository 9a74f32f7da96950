import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { cpuMs } from '../../test/support/cpu.ts';
import { root } from '../../test/support/kernels.ts';
import { objectBytes } from '../../test/support/objects.ts';
import { type Btf, BtfBuilder, type BtfType, CoreTypes, parseBtf } from '../btf/index.ts';
import { BpfError } from '../errors.ts';
import { parseBtfFile } from './btf-file.ts';
import { relocateCore } from './core.ts';
import { parseCoreRelocations } from './core-file.ts';
import { parseObject } from './parse.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const folder = mkdtempSync(join(tmpdir(), 'skep-core-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What CO-RE asks of a real kernel: bit-fields, members of anonymous ones, arrays, flavours, enumerators, whole types. */
const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct list_head { struct list_head *next, *prev; };
struct net_device { char name[16]; int ifindex; };
struct sk_buff { unsigned int len; unsigned char cloned : 1; struct net_device *dev; };
struct page { unsigned long flags; };
struct task_struct { int pid; struct list_head tasks; char comm[16]; };
struct task_struct___old { long state; };
struct task_struct___new { unsigned int __state; };
struct sock_common { unsigned short skc_num; unsigned int skc_daddr; };
struct sock { struct sock_common __sk_common; };
#pragma clang attribute pop
enum pid_type { PIDTYPE_PID };
unsigned long out[20];
SEC("raw_tp/sys_enter")
int ask(void *ctx)
{
	struct sk_buff *skb = ctx;
	struct task_struct *task = ctx;
	struct sock *sk = ctx;
	struct task_struct___old *old = ctx;
	struct task_struct___new *new = ctx;
	out[0] = BPF_CORE_READ(skb, dev, name[3]);
	out[1] = BPF_CORE_READ_BITFIELD_PROBED(skb, cloned);
	out[2] = BPF_CORE_READ(task, tasks.next, prev) != 0;
	out[3] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	out[4] = bpf_core_field_exists(old->state);
	out[5] = bpf_core_field_exists(new->__state) ? BPF_CORE_READ(new, __state) : BPF_CORE_READ(old, state);
	out[6] = bpf_core_enum_value(enum pid_type, PIDTYPE_PID);
	out[7] = bpf_core_type_size(struct sk_buff);
	out[8] = bpf_core_type_matches(struct list_head);
	out[9] = bpf_core_type_exists(struct page);
	out[10] = bpf_core_type_id_kernel(struct net_device);
	out[11] = bpf_core_field_size(task->comm);
	return 0;
}
char _license[] SEC("license") = "GPL";
`;

function compiled(): Uint8Array | undefined {
  const out = join(folder, 'ask.o');
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const words = ['--target=bpf', '-O2', '-g', '-mcpu=v3', `-I/usr/include/${arch}-linux-gnu`, '-x', 'c', '-c', '-'];
  const { status } = spawnSync('clang-19', [...words, '-o', out], { input: SOURCE });
  return status === 0 ? new Uint8Array(readFileSync(out)) : undefined;
}

interface Case {
  readonly name: string;
  readonly source: Uint8Array;
  readonly objects: readonly Uint8Array[];
}

const target = objectBytes('test/objects/core_target.o');
const cases: Case[] = [
  { name: 'each kind of relocation', source: target, objects: [objectBytes('test/objects/core.o')] },
];
if (existsSync(VMLINUX)) {
  const source = new Uint8Array(readFileSync(VMLINUX));
  const objects = ['core_live', 'tracing', 'ksyms', 'core'].map((name) => objectBytes(`test/objects/${name}.o`));
  const asked = compiled();
  if (asked === undefined) console.log('skipped: an object is not compiled, for there is no clang-19 with libbpf-dev');
  else cases.push({ name: 'an object that asks much of the running kernel', source, objects: [asked] });
  cases.push({ name: 'several objects against the running kernel', source, objects });
} else console.log(`skipped: there is no ${VMLINUX}`);

function minimal(source: Btf, objects: readonly Uint8Array[]): Uint8Array {
  const types = new CoreTypes(source);
  for (const object of objects) {
    const { btf, relocations } = parseCoreRelocations(object);
    for (const relocation of relocations) types.add(btf, relocation);
  }
  return types.bytes();
}

describe.each(cases)('the types for $name', ({ source, objects }) => {
  const whole = parseBtfFile(source);
  const bytes = minimal(whole, objects);
  const small = parseBtf(bytes);

  it('give the same instructions as all types of the kernel', () => {
    expect(small.typeCount).toBeLessThan(Math.min(whole.typeCount, 200));
    for (const object of objects) {
      const { programs, btf } = parseObject(object);
      if (btf === undefined) throw new Error('the object has no BTF');
      for (const program of programs) {
        // An id is one of the types that it is asked of.
        const coreRelocations = program.coreRelocations.filter(({ kind }) => kind !== 'type_id_target');
        const asked = { ...program, coreRelocations };
        expect(relocateCore(asked, btf, [small])).toEqual(relocateCore(asked, btf, [whole]));
      }
    }
  });

  it('are those that bpftool finds, to the byte', (context) => {
    writeFileSync(join(folder, 'source'), source);
    const files = objects.map((object, i) => {
      writeFileSync(join(folder, `${i}.o`), object);
      return join(folder, `${i}.o`);
    });
    const words = ['gen', 'min_core_btf', join(folder, 'source'), join(folder, 'theirs'), ...files];
    const { error, stderr } = spawnSync('bpftool', words, { encoding: 'utf8', cwd: root });
    if (error !== undefined) context.skip('bpftool is not installed');
    expect(stderr).toBe('');
    expect(bytes).toEqual(new Uint8Array(readFileSync(join(folder, 'theirs'))));
  });
});

describe('parseCoreRelocations', () => {
  it('has those of functions that nothing calls', () => {
    const { relocations } = parseCoreRelocations(objectBytes('test/objects/core.o'));
    expect(relocations.length).toBeGreaterThan(25);
    expect(relocations).toContainEqual({ kind: 'field_exists', typeId: expect.any(Number), access: '0:0' });
  });

  it.each([
    ['an object without BTF', objectBytes('test/objects/elf_map_7.o'), 'there is no section .BTF; compile with -g'],
    ['an object without code', target, 'there is no section .BTF.ext'],
    ['what is no object', new Uint8Array(9), 'ELF'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseCoreRelocations(bytes)).toThrow(message);
  });
});

describe('types made to take long', () => {
  const INT = { kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' } as const;

  /** A type that holds the one before it twice, `depth` times over. */
  function doubling(make: (last: number) => readonly BtfType[], depth: number): Btf {
    const builder = new BtfBuilder();
    let last = builder.add(INT);
    for (let i = 0; i < depth; i++) for (const type of make(last)) last = builder.add(type);
    builder.add({ kind: 'typedef', name: 'top', typeId: last });
    return parseBtf(builder.bytes());
  }

  const member = (name: string, typeId: number) => ({ name, typeId, bitOffset: 0, bitSize: 0 });
  const struct = (last: number): BtfType[] => [
    { kind: 'struct', name: 's', size: 4, members: [member('a', last), member('b', last)] },
  ];
  const param = (typeId: number) => ({ name: '', typeId });
  const func = (last: number): BtfType[] => [
    { kind: 'func_proto', name: '', returns: 0, params: [param(last), param(last)] },
  ];

  it.each([
    ['type_matches', struct],
    ['type_matches', func],
    ['type_exists', func],
  ] as const)('are given up: %s', (kind, make) => {
    const few = doubling(make, 6);
    const many = doubling(make, 30);
    const typeId = (btf: Btf) => btf.typeCount - 1;
    new CoreTypes(few).add(few, { kind, typeId: typeId(few), access: '0' });
    expect(() => new CoreTypes(many).add(many, { kind, typeId: typeId(many), access: '0' })).toThrow(
      'two types take more than 1048576 comparisons to match',
    );
  });
});

describe('damaged files', () => {
  const object = objectBytes('test/objects/core.o');
  const changes = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(0xffffffff)), { maxLength: 4 });

  function damaged(original: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
    const bytes = new Uint8Array(original);
    for (const [at, value] of changes)
      new DataView(bytes.buffer).setUint32(Math.floor(at * (bytes.length - 4)) & ~3, value, true);
    return bytes;
  }

  it.each(['the object', 'the types'])('give an answer or an error: %s', (which) => {
    fc.assert(
      fc.property(changes, (list) => {
        const start = cpuMs();
        try {
          const source = parseBtfFile(which === 'the types' ? damaged(target, list) : target);
          minimal(source, [which === 'the object' ? damaged(object, list) : object]);
        } catch (error) {
          if (!(error instanceof BpfError)) throw error;
        }
        expect(cpuMs() - start).toBeLessThan(2000);
      }),
      { seed: 16, numRuns: 300 },
    );
  });
});
