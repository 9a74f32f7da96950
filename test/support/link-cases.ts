/** Pairs of C sources for the linker, each after {@link PROLOGUE}. */
export type Pair = readonly [what: string, first: string, second: string];

export const PROLOGUE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#define NOINLINE __attribute__((noinline))
#define TAG(t) __attribute__((btf_decl_tag(t)))
#define TYPE_TAG(t) __attribute__((btf_type_tag(t)))
`;

/** A map \`m\` and a program that uses it. */
function map(change: {
  extern?: boolean;
  type?: string;
  entries?: number;
  key?: string;
  value?: string;
  more?: string;
}): string {
  const { extern = false, type = 'HASH', entries = 4, key = 'int', value = 'long', more = '' } = change;
  return `${extern ? 'extern ' : ''}struct {
    __uint(type, BPF_MAP_TYPE_${type}); __uint(max_entries, ${entries}); __type(key, ${key}); __type(value, ${value}); ${more}
  } m SEC(".maps");
  SEC("tc") int ${extern ? 'uses' : 'has'}_m(void *c) { int k = 0; return !!bpf_map_lookup_elem(&m, &k); }`;
}

function mapOfMaps(extern: boolean, entries: number): string {
  return `${extern ? 'extern ' : ''}struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __type(key, int);
    __array(values, struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, ${entries}); __type(key, int); __type(value, int); });
  } m SEC(".maps");
  SEC("tc") int ${extern ? 'uses' : 'has'}_m(void *c) { int k = 0; return !!bpf_map_lookup_elem(&m, &k); }`;
}

const CALL = 'SEC("tc") int p(void *c) { return f(1); }';
const CALL_TOO = 'SEC("tc") int q(void *c) { return f(2); }';
const NODE = `enum e { A, B };
  struct node { struct node *next; enum e e; union { int a; long b; } u; int (*f)(struct node *, int); unsigned x : 3, y : 9; };`;
const ELF_MAP = 'struct bpf_elf_map { __u32 type, size_key, size_value, max_elem, flags, id, pinning; };';
const PROG_ARRAY = (name: string, program: string) =>
  `int ${program}(void *c); struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2); __type(key, int); __array(values, int (void *));
  } ${name} SEC(".maps") = { .values = { [1] = (void *)&${program} } };`;

/** Both orders give what bpftool gives. */
// biome-ignore format: a case a row
export const LINKED: readonly Pair[] = [
  ['a function', `extern int f(int a); ${CALL}`, 'NOINLINE int f(int a) { return a; }'],
  ['a function by typedefs', `typedef int num; extern num f(const num a); ${CALL}`, 'NOINLINE int f(int a) { return a; }'],
  ['a global', 'extern int v; SEC("tc") int p(void *c) { return v++; }', 'int w = 1, v = 2; SEC("tc") int q(void *c) { return v + w; }'],
  ['a global of other sign', 'extern int v; SEC("tc") int p(void *c) { return v; }', 'unsigned int v = 2;'],
  ['an array of unknown length', 'extern int v[]; SEC("tc") int p(void *c) { return v[1]; }', 'int v[8] = { 2 };'],
  ['a struct', 'struct s { int a, b; }; extern struct s v; SEC("tc") int p(void *c) { return v.b; }', 'struct s { int a, b; }; struct s v = { 1, 2 };'],
  ['weak and strong', `__weak int f(int a) { return a; } ${CALL}`, `int f(int a) { return a + 5; } ${CALL_TOO}`],
  ['weak and weak', `__weak int f(int a) { return a; } ${CALL}`, `__weak int f(int a) { return a + 5; } ${CALL_TOO}`],
  ['weak programs', 'SEC("tc") __weak int p(void *c) { return 1; }', 'SEC("tc") int p(void *c) { return 2; } SEC("tc") int q(void *c) { return 3; }'],
  ['weak and weak globals', '__weak int v = 1; SEC("tc") int p(void *c) { return v++; }', 'int w = 7; __weak int v = 2; SEC("tc") int q(void *c) { return v++ + w; }'],
  ['hidden declarations', `extern __hidden int f(int a); ${CALL}`, 'NOINLINE int f(int a) { return a; }'],
  ['hidden definitions', `extern int f(int a); ${CALL}`, '__hidden NOINLINE int f(int a) { return a; }'],
  ['a weak declaration', 'extern int f(int a) __weak; SEC("tc") int p(void *c) { return f ? f(2) : 1; }', 'NOINLINE int f(int a) { return a; }'],
  ['what nobody has', 'extern int f(int a); extern int v; SEC("tc") int p(void *c) { return f(v); }', 'extern int v; SEC("tc") int q(void *c) { return v; }'],
  ['kernel symbols', 'extern int nosuch __ksym __weak; SEC("tc") int p(void *c) { return &nosuch != 0; }', 'extern int nosuch __ksym __weak; extern const void schedule __ksym; SEC("tc") int q(void *c) { return &nosuch != 0 && &schedule != 0; }'],
  ['kernel options', 'extern int LINUX_KERNEL_VERSION __kconfig; SEC("tc") int p(void *c) { return LINUX_KERNEL_VERSION; }', 'extern int LINUX_KERNEL_VERSION __kconfig; extern char CONFIG_NONE[8] __kconfig __weak; SEC("tc") int q(void *c) { return LINUX_KERNEL_VERSION + CONFIG_NONE[1]; }'],
  ['CO-RE relocations', 'struct task_struct { int pid; } __attribute__((preserve_access_index)); SEC("tc") int p(void *c) { return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), pid); }', 'struct task_struct { int tgid, pid; } __attribute__((preserve_access_index)); SEC("tc") int q(void *c) { struct task_struct *t = (void *)bpf_get_current_task(); return BPF_CORE_READ(t, pid) + bpf_core_field_exists(t->tgid) + bpf_core_type_size(struct task_struct); }'],
  ['static functions of one name', `static NOINLINE int g(int a) { return a * 5; } static NOINLINE int f(int a) { return a + g(a); } SEC("tc") int p(struct __sk_buff *c) { return f(c->len) + g(c->len); }`, `static NOINLINE int g(int a) { return a * 7; } static NOINLINE int f(int a) { return a - g(a); } SEC("tc") int q(struct __sk_buff *c) { return f(c->len) + g(c->len); }`],
  ['callbacks', 'static int cb(__u32 i, int *c) { return *c += i; } SEC("tc") int p(void *c) { int n = 0; bpf_loop(2, cb, &n, 0); return n; }', 'static NOINLINE int z(int a) { return a * 3; } static int cb(__u32 i, int *c) { return *c -= z(i); } SEC("tc") int q(void *c) { int n = 0; bpf_loop(2, cb, &n, 0); return n; }'],
  ['static variables', 'static int s; static int t = 1; SEC("tc") int p(void *c) { return s++ + t++; }', 'static long s; static char t = 2; SEC("tc") int q(void *c) { return s++ + t++; }'],
  ['strings', 'SEC("tc") int p(void *c) { bpf_printk("one %d", 1); return 0; }', 'SEC("tc") int q(void *c) { bpf_printk("another %d", 2); bpf_printk("one %d", 1); return 0; }'],
  ['sections', 'SEC("xdp") int p(void *c) { return 0; } const volatile int ro = 1; int custom SEC(".data.x") = 4; SEC("tc") int p2(void *c) { return ro + custom; }', 'SEC("tc") int q(void *c) { return 0; } const volatile long ro2 = 1; long custom2 SEC(".data.x") = 4; SEC("socket") int q2(void *c) { return ro2 + custom2; }'],
  ['alignment', 'char a = 1; int b; SEC("tc") int p(void *c) { return a++ + b++; }', 'char d = 2; long big __attribute__((aligned(64))) = 3; SEC("tc") int q(void *c) { return d++ + big++; }'],
  ['addresses in data', 'int x = 4; int *px = &x; SEC("tc") int p(void *c) { return 0; }', 'int y = 4; int *py = &y; SEC("tc") int q(void *c) { return 0; }'],
  ['a map', map({ extern: true }), map({})],
  ['a map nobody has', map({ extern: true }), `${map({ extern: true }).replace('uses_m', 'wants_m')}`],
  ['a map whose flags are 0', map({ extern: true }), map({ more: '__uint(map_flags, 0);' })],
  ['a map of maps', mapOfMaps(true, 3), mapOfMaps(false, 3)],
  ['a prog array', `${PROG_ARRAY('m1', 't1')} SEC("tc") int t1(void *c) { return 1; } SEC("tc") int p(void *c) { bpf_tail_call(c, &m1, 1); return 0; }`, `${PROG_ARRAY('m2', 't2')} SEC("tc") int t2(void *c) { return 2; } SEC("tc") int q(void *c) { bpf_tail_call(c, &m2, 1); return 0; }`],
  ['a prog array with a program of the other', `${PROG_ARRAY('m', 't')} SEC("tc") int p(void *c) { bpf_tail_call(c, &m, 1); return 0; }`, 'SEC("tc") int t(void *c) { return 1; }'],
  ['legacy maps', `${ELF_MAP} struct bpf_elf_map m1 SEC("maps") = { 1, 4, 8, 2 }; SEC("tc") int p(void *c) { int k = 0; return !!bpf_map_lookup_elem(&m1, &k); }`, `${ELF_MAP} struct bpf_elf_map m2 SEC("maps") = { 2, 4, 8, 2 }; SEC("tc") int q(void *c) { int k = 0; return !!bpf_map_lookup_elem(&m2, &k); }`],
  ['a legacy map', `${ELF_MAP} extern struct bpf_elf_map m1 SEC("maps"); SEC("tc") int p(void *c) { int k = 0; return !!bpf_map_lookup_elem(&m1, &k); }`, `${ELF_MAP} struct bpf_elf_map m1 SEC("maps") = { 1, 4, 8, 2 };`],
  ['equal types', `${NODE} struct node *n1; SEC("tc") int p(void *c) { return !!n1; }`, `${NODE} struct node *n2; SEC("tc") int q(void *c) { return !!n2; }`],
  ['types of one name', 'struct s { int a; }; struct t { struct s *s; }; struct t *n1; SEC("tc") int p(void *c) { return !!n1; }', 'struct s { long a; }; struct t { struct s *s; }; struct t *n2; SEC("tc") int q(void *c) { return !!n2; }'],
  ['tags', `struct s { int a TAG("m"); int TYPE_TAG("t") *b; } TAG("s"); struct s *s1 TAG("v"); NOINLINE int f(int x TAG("a")) { return x; } ${CALL}`, 'struct s { int a TAG("m"); int TYPE_TAG("t") *b; } TAG("s"); struct s *s2 TAG("v"); NOINLINE int g(int x TAG("a")) { return x; } SEC("tc") int q(void *c) { return g(1); }'],
  ['struct_ops', 'struct tcp_congestion_ops { int (*undo_cwnd)(void); char name[16]; }; SEC("struct_ops/undo_cwnd") int undo(void) { return 0; } SEC(".struct_ops") struct tcp_congestion_ops ops = { .undo_cwnd = (void *)undo, .name = "linked" };', 'SEC("tc") int q(void *c) { return 0; }'],
  ['version sections', 'int _version SEC("version") = 5; SEC("tc") int p(void *c) { return 0; }', 'int _version SEC("version") = 5; SEC("tc") int q(void *c) { return 0; }'],
];

/** C that is equal, but bpftool 7.1 leaves the declaration of a struct beside it; libbpf since 1.2 does not. */
// biome-ignore format: a case a row
export const DECLARED: readonly Pair[] = [
  ['a parameter', `struct s; extern int f(struct s *a); ${CALL.replace('f(1)', 'f(c)')}`, 'struct s { int x; }; NOINLINE int f(struct s *a) { return a ? a->x : 0; }'],
  ['structs that know each other', 'struct b; struct a { struct b *b; }; struct a *a1; SEC("tc") int p(void *c) { return !!a1; }', 'struct a; struct b { struct a *a; int x; }; struct b *b1; SEC("tc") int q(void *c) { return !!b1; }'],
];

/** Neither order is taken, by us or by bpftool; what we say of the first. */
// biome-ignore format: a case a row
export const REFUSED: readonly (readonly [...Pair, message: string])[] = [
  ['two functions', `NOINLINE int f(int a) { return a; } ${CALL}`, `NOINLINE int f(int a) { return a; } ${CALL_TOO}`, 'symbol f is defined here and in first.o; make one of them static, weak or extern'],
  ['two hidden functions', `__hidden NOINLINE int f(int a) { return a; } ${CALL}`, `__hidden NOINLINE int f(int a) { return a; } ${CALL_TOO}`, 'symbol f is defined here and in first.o'],
  ['two globals', 'int v = 1;', 'int v = 1;', 'symbol v is defined here and in first.o'],
  ['two maps', map({}), map({}).replace('has_m', 'has_m_too'), 'symbol m is defined here and in first.o'],
  ['two programs', 'SEC("tc") int p(void *c) { return 1; }', 'SEC("xdp") int p(void *c) { return 1; }', 'symbol p is defined here and in first.o'],
  ['a parameter of other size', `extern int f(int a); ${CALL}`, 'NOINLINE int f(long a) { return a; }', 'symbol f is not what it is in first.o: int int has 4 and 8 bytes'],
  ['another number of parameters', `extern int f(int a); ${CALL}`, 'NOINLINE int f(int a, int b) { return a + b; }', 'symbol f is not what it is in first.o: it has 1 and 2 parameters'],
  ['another result', `extern int f(int a); ${CALL}`, 'NOINLINE long f(int a) { return a; }', 'symbol f is not what it is in first.o: int int has 4 and 8 bytes'],
  ['another result of a weak function', `__weak int f(int a) { return a; } ${CALL}`, 'int f(long a) { return a; }', 'symbol f is not what it is in first.o: int int has 4 and 8 bytes'],
  ['a pointer to another struct', `struct r; extern int f(struct r *a); ${CALL.replace('f(1)', 'f(c)')}`, 'struct s { int x; }; NOINLINE int f(struct s *a) { return a ? a->x : 0; }', 'its type is fwd r and struct s'],
  ['a pointer to a union', `struct s; extern int f(struct s *a); ${CALL.replace('f(1)', 'f(c)')}`, 'union s { int x; }; NOINLINE int f(union s *a) { return a ? a->x : 0; }', 'its type is fwd s and union s'],
  ['a pointer for a number', `extern int f(long a); ${CALL}`, 'NOINLINE int f(int *a) { return a ? *a : 0; }', 'its type is int long and ptr'],
  ['a global of other size', 'extern int v; SEC("tc") int p(void *c) { return v; }', 'long v = 2;', 'symbol v is not what it is in first.o: int int has 4 and 8 bytes'],
  ['a function for a global', 'extern int v; SEC("tc") int p(void *c) { return v; }', 'NOINLINE int v(void) { return 1; }', 'its type is var v and func v'],
  ['a struct with another member', 'struct s { int a, b; }; extern struct s v; SEC("tc") int p(void *c) { return v.a; }', 'struct s { int a, c; }; struct s v = { 2 };', 'member 1 of struct s is called b and c'],
  ['a struct with members elsewhere', 'struct s { int a, b; }; extern struct s v; SEC("tc") int p(void *c) { return v.a; }', 'struct s { int a; int b __attribute__((aligned(8))); }; struct s v = { 2 };', 'member b of struct s is at different places'],
  ['a struct with more members', 'struct s { int a, b; }; extern struct s v; SEC("tc") int p(void *c) { return v.a; }', 'struct s { int a, b, c; }; struct s v = { 2 };', 'struct s has 2 and 3 members'],
  ['another type of map', map({ extern: true }), map({ type: 'ARRAY' }), 'symbol m is not what it is in first.o: its type is 1 and 2 (there and here)'],
  ['another max_entries', map({ extern: true }), map({ entries: 8 }), 'its max_entries is 4 and 8'],
  ['another key', map({ extern: true }), map({ key: 'long' }), 'its key differs: int int has 4 and 8 bytes'],
  ['another value', map({ extern: true }), map({ value: 'struct { int a; int b; }' }), 'its value differs: its type is int long and struct'],
  ['other flags', map({ extern: true }), map({ more: '__uint(map_flags, BPF_F_NO_PREALLOC);' }), 'its map_flags is 0 and 1'],
  ['another numa_node', map({ extern: true }), map({ more: '__uint(numa_node, 1);' }), 'its numa_node is 0 and 1'],
  ['another pinning', map({ extern: true }), map({ more: '__uint(pinning, LIBBPF_PIN_BY_NAME);' }), 'its pinning is 0 and 1'],
  ['a key of which one knows the size only', map({ extern: true }), map({}).replace('__type(key, int)', '__uint(key_size, 4)'), 'its key is in one of the definitions only'],
  ['another inner map', mapOfMaps(true, 3), mapOfMaps(false, 4), 'its inner max_entries is 3 and 4'],
  ['another license', 'char license1[] SEC("license") = "GPL";', 'char license2[] SEC("license") = "MIT";', 'section license: its content is not that of first.o; a license must be the same everywhere'],
  ['another version', 'int _version SEC("version") = 5;', 'int _version SEC("version") = 6;', 'section version: its content is not that of first.o'],
  ['constants and variables in one section', 'int v SEC("x") = 1;', 'const int w SEC("x") = 1;', 'section x: flags 2 does not go with flags 3 in first.o'],
  ['code and variables in one section', 'int v SEC("x") = 1;', 'SEC("x") int q(void *c) { return 1; }', 'section x: flags 6 does not go with flags 3 in first.o'],
  ['the address of a static variable in data', 'SEC("tc") int p(void *c) { return 0; }', 'static int x = 4; int *px = &x; SEC("tc") int q(void *c) { return *px; }', 'section .data, offset 0x8: a relocation against a section can be linked in code only'],
];

/** What bpftool 7.1 links wrongly or not at all, though it makes sense. */
// biome-ignore format: a case a row
export const BETTER: readonly Pair[] = [
  ['a map that is not the first of its section', map({ extern: true }), `struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, int); } first SEC(".maps"); ${map({})}`],
  ['a weak global that gives way', '__weak int v = 1; SEC("tc") int p(void *c) { return v++; }', 'int w = 7; int v = 2; SEC("tc") int q(void *c) { return v++ + w; }'],
  ['a weak global of another section', '__weak int v = 1; SEC("tc") int p(void *c) { return v++; }', 'int v; SEC("tc") int q(void *c) { return v++; }'],
  ['kernel functions that both call', 'extern void bpf_rcu_read_lock(void) __ksym; extern void bpf_rcu_read_unlock(void) __ksym; SEC("tc") int p(void *c) { bpf_rcu_read_lock(); bpf_rcu_read_unlock(); return 0; }', 'extern void bpf_rcu_read_lock(void) __ksym; extern void bpf_rcu_read_unlock(void) __ksym; SEC("tc") int q(void *c) { bpf_rcu_read_lock(); bpf_rcu_read_unlock(); return 1; }'],
];
