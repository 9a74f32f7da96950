/* Linked with two.c: what they share, what only looks the same, and what one of them has from the other. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct node {
	int x;
	struct node *next;
	struct declared *far;
	unsigned int low : 3, high : 5;
};
struct differs {
	int a;
};
enum mode { OFF, ON = 7 };
typedef struct {
	struct node node;
	enum mode mode;
} entry_t;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, int);
	__type(value, entry_t);
} table SEC(".maps");

int counter = 5;
extern int limit;
static int state = 3;
struct differs *seen_by_one;

extern int provided(struct node *node, int n);
__weak int replaced(int v)
{
	return v + 1;
}
__weak int first_of_two(int v)
{
	return v + 100;
}

static __noinline int helper(int v)
{
	return v * 3 + state;
}
static __noinline int other(int v)
{
	return v * 7 - state;
}
static __noinline int step(int v)
{
	return v * 3;
}

SEC("tc") int one(struct __sk_buff *skb)
{
	struct node node = { .x = counter };
	int sum = step(skb->len >> 5), key = 1;
	entry_t *entry;

	bpf_printk("one: %d", sum);
	entry = bpf_map_lookup_elem(&table, &key);
	if (entry)
		sum += entry->node.x * 1000;
	counter++;
	state++;
	return provided(&node, limit) + replaced(2) + first_of_two(1) + helper(sum) + other(sum) + !!seen_by_one;
}

char _license[] SEC("license") = "GPL";
