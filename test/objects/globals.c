// Globals of all sorts, as the structs of a skeleton have to lay them out.
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "globals.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, place);
} dat_ SEC(".maps");

extern const int CONFIG_HZ __kconfig __weak;
extern const bool CONFIG_BPF_SYSCALL __kconfig __weak;

const volatile word factor = 1;
const volatile char label[10] = "label";
const volatile struct tight tight_const = { 'c', 5 };

char first = 1;
short after_char = 2;
__attribute__((aligned(64))) long far_away = 3;
char second = 4;
unsigned __int128 huge = 5;
place here = { 6, 7 };
struct flags bits = { .a = 5, .b = 17, .wide = 99, .last = -3 };
struct tight tight = { 'x', 8 };
union either either = { .number = 9 };
struct {
	enum { INNER_ONE = 1, INNER_TWO } kind;
	union {
		__u64 wide;
		struct {
			char low;
			const volatile int high;
		};
	};
} nameless = { .kind = INNER_TWO, .wide = 10 };
enum { LOOSE = 5 } loose = LOOSE;
enum shade shade = SHADE_DARK;
const char *pointer = (void *)1;
int (*function)(place *, const char *) = (void *)2;
int grid[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
int *row[2] = { (void *)3, (void *)4 };
double ratio = 1.5;
bool on = true;

__u64 result;
place places[2];
bool seen;
__weak int maybe;
int hz;
bool syscall_option;

int custom SEC(".data.custom") = 11;
const volatile int limits[2] SEC(".rodata.limits") = { 12, 13 };

static __attribute__((noinline)) int count_a(void)
{
	static int calls;

	return calls++;
}

static __attribute__((noinline)) int count_b(void)
{
	static int calls;

	calls += 2;
	return calls - 2;
}

SEC("tc")
int use(struct __sk_buff *skb)
{
	__u32 zero = 0;
	place *at = bpf_map_lookup_elem(&dat_, &zero);

	result = factor * (first + after_char + far_away + second + (int)huge + here.y + bits.wide + tight.n + grid[1][2]) +
		 custom + limits[1];
	hz = CONFIG_HZ;
	syscall_option = CONFIG_BPF_SYSCALL;
	places[1].x = count_a() + count_b() + maybe + (at ? at->x : 0);
	places[1].y = label[0] + tight_const.c + (int)either.number + nameless.kind + loose + shade;
	seen = on && pointer && function && row[1];
	return 0;
}

char _license[] SEC("license") = "GPL";
