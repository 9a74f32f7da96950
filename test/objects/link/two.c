/* Linked with one.c. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct declared {
	int full;
};
struct node {
	int x;
	struct node *next;
	struct declared *far;
	unsigned int low : 3, high : 5;
};
struct differs {
	long a, b;
};
enum mode { OFF, ON = 7 };
typedef struct {
	struct node node;
	enum mode mode;
} entry_t;

extern struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, int);
	__type(value, entry_t);
} table SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, struct declared);
} array SEC(".maps");

char filler = 1;
int limit = 9;
extern int counter;
static long state = 30;
struct differs *seen_by_two;

__noinline int provided(struct node *node, int n)
{
	return node ? node->x + n + state : 0;
}
int replaced(int v)
{
	return v + 2000;
}
__weak int first_of_two(int v)
{
	return v + 200;
}

static __noinline int helper(int v)
{
	return v * 5 + state;
}
static __noinline int step(int v)
{
	return v * -3;
}

SEC("tc") int two(struct __sk_buff *skb)
{
	entry_t entry = { .node.x = counter, .mode = ON };
	int sum = step(skb->len >> 5), key = 1;
	struct declared *first;

	bpf_printk("number two: %d", sum);
	bpf_map_update_elem(&table, &key, &entry, 0);
	key = 0;
	first = bpf_map_lookup_elem(&array, &key);
	if (first)
		sum += first->full;
	counter += filler;
	state++;
	return helper(sum) + first_of_two(1) + !!seen_by_two;
}

char _license[] SEC("license") = "GPL";
