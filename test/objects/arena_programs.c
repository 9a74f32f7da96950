// Programs that allocate pages of an arena, and structures of data in them. Each leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define __arena __attribute__((address_space(1)))
// Newer than the headers of some machines.
#define BPF_MAP_TYPE_ARENA 33
#ifndef ___bpf_concat
#define ___bpf_concat(a, b) a ## b
#endif
#ifndef __ulong
#define __ulong(name, val) enum { ___bpf_concat(__unique_value, __COUNTER__) = val } name
#endif
#define PAGE 4096ul
#define PAGES 32
#define START 0x110000000000ul
#define ANY_NODE -1

extern void __arena *bpf_arena_alloc_pages(void *map, void __arena *addr, __u32 pages, int node, __u64 flags) __ksym __weak;
extern void bpf_arena_free_pages(void *map, void __arena *ptr, __u32 pages) __ksym __weak;
extern int bpf_arena_reserve_pages(void *map, void __arena *ptr, __u32 pages) __ksym __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PAGES);
	__ulong(map_extra, START);
} arena SEC(".maps");

// As long as the kernel lets a program go on.
#define more ({ __label__ stop, out; _Bool yes = 1; asm volatile goto("may_goto %l[stop]" :::: stop); goto out; stop: yes = 0; out: yes; })

__s64 seen[48];
__u32 at;
// Nothing that the verifier knows: what begins with it is not followed number by number.
__u32 zero;

static void note(__s64 value)
{
	__u32 i = at++;

	if (i < 48)
		seen[i] = value;
}

static void __arena *pages(__u32 count)
{
	return bpf_arena_alloc_pages(&arena, 0, count, ANY_NODE, 0);
}

static char __arena *page(long number)
{
	return (char __arena *)(START + number * PAGE);
}

static void note_page(void __arena *ptr)
{
	note(ptr ? (__s64)((unsigned long)ptr - START) / (__s64)PAGE : -1);
}

// What allocating answers, by the number of the page.
SEC("syscall") int allocate(void *ctx)
{
	note_page(pages(1));
	note_page(pages(3));
	note_page(pages(0));
	note_page(pages(PAGES));
	note_page(pages(PAGES + 1));
	note_page(bpf_arena_alloc_pages(&arena, page(8), 2, ANY_NODE, 0));
	note_page(bpf_arena_alloc_pages(&arena, page(9), 1, ANY_NODE, 0));
	note_page(bpf_arena_alloc_pages(&arena, page(PAGES), 1, ANY_NODE, 0));
	note_page(bpf_arena_alloc_pages(&arena, page(31), 2, ANY_NODE, 0));
	note_page(bpf_arena_alloc_pages(&arena, page(12) + 8, 1, ANY_NODE, 0));
	note_page(bpf_arena_alloc_pages(&arena, 0, 1, ANY_NODE, 1));
	// Between those that were asked for there are four.
	note_page(pages(4));
	note_page(pages(2));
	bpf_arena_free_pages(&arena, page(1), 1);
	bpf_arena_free_pages(&arena, page(1), 1);
	note_page(pages(1));
	note_page(pages(PAGES - 12));
	note_page(pages(1));
	return 0;
}

// What is freed reads as 0, now and when it is allocated again.
SEC("syscall") int release(void *ctx)
{
	char __arena *first = pages(4);

	if (!first)
		return 1;
	for (int i = 0; i < 4; i++)
		first[i * PAGE + 5] = 10 + i;
	bpf_arena_free_pages(&arena, first + PAGE, 2);
	for (int i = 0; i < 4; i++)
		note(first[i * PAGE + 5]);
	first[PAGE + 5] = 99;
	note(first[PAGE + 5]);
	note_page(pages(2));
	note(first[PAGE + 5]);
	first[PAGE + 5] = 77;
	note(first[PAGE + 5]);
	// Not from its start, and further than there is.
	bpf_arena_free_pages(&arena, first + 3 * PAGE + 100, ~0u);
	note(first[3 * PAGE + 5]);
	bpf_arena_free_pages(&arena, 0, 1);
	bpf_arena_free_pages(&arena, page(0), 0);
	note(first[5]);
	bpf_arena_free_pages(&arena, page(0), PAGES);
	note(first[5]);
	note_page(pages(PAGES));
	return 0;
}

// Pages that are kept free.
SEC("syscall") int reserve(void *ctx)
{
	note(bpf_arena_reserve_pages(&arena, page(2), 2));
	note(bpf_arena_reserve_pages(&arena, page(3), 2));
	note(bpf_arena_reserve_pages(&arena, page(31), 2));
	note(bpf_arena_reserve_pages(&arena, page(5) + 8, 1));
	note(bpf_arena_reserve_pages(&arena, page(5), 0));
	note_page(bpf_arena_alloc_pages(&arena, page(2), 1, ANY_NODE, 0));
	note_page(pages(3));
	note_page(pages(2));
	*page(2) = 5;
	note(*page(2));
	bpf_arena_free_pages(&arena, page(2), 2);
	note_page(pages(2));
	note(bpf_arena_reserve_pages(&arena, page(2), 1));
	return 0;
}

struct item {
	struct item __arena *next;
	__u64 key;
	__u64 value;
};

struct heap {
	struct item __arena *unused;
	char __arena *fresh;
	__u32 left;
};

struct heap heap;

// Items are cut from pages, and given back to a list.
static struct item __arena *new_item(void)
{
	struct item __arena *item = heap.unused;

	if (item) {
		heap.unused = item->next;
		return item;
	}
	if (heap.left < sizeof(struct item)) {
		heap.fresh = pages(1);
		if (!heap.fresh)
			return 0;
		heap.left = PAGE;
	}
	item = (void __arena *)heap.fresh;
	heap.fresh += sizeof(struct item);
	heap.left -= sizeof(struct item);
	return item;
}

static void drop_item(struct item __arena *item)
{
	item->next = heap.unused;
	heap.unused = item;
}

#define BUCKETS 64
struct table {
	struct item __arena *buckets[BUCKETS];
};
struct table __arena *table;

static struct item __arena *__arena *bucket_of(__u64 key)
{
	return &table->buckets[(key * 0x9e3779b97f4a7c15ul) >> 58];
}

static int put(__u64 key, __u64 value)
{
	struct item __arena *__arena *bucket = bucket_of(key);
	struct item __arena *item = new_item();

	if (!item)
		return 0;
	item->key = key;
	item->value = value;
	item->next = *bucket;
	*bucket = item;
	return 1;
}

static __u64 get(__u64 key)
{
	struct item __arena *item = *bucket_of(key);

	while (item && more) {
		if (item->key == key)
			return item->value;
		item = item->next;
	}
	return 0;
}

static int drop(__u64 key)
{
	struct item __arena *__arena *link = bucket_of(key);

	while (*link && more) {
		struct item __arena *item = *link;

		if (item->key == key) {
			*link = item->next;
			drop_item(item);
			return 1;
		}
		link = &item->next;
	}
	return 0;
}

// A hash table of 1500 items, more than there is room for in six pages.
SEC("syscall") int hash(void *ctx)
{
	__u64 sum = 0;
	__u32 gone = 0, stored = 0;

	table = pages(1);
	if (!table)
		return 1;
	for (__u32 i = zero; i < 1500 && more; i++)
		stored += put(i * 7, i + 1);
	note(stored);
	for (__u32 i = zero; i < 1500 && more; i++)
		sum += get(i * 7);
	note(sum);
	note(get(3));
	for (__u32 i = zero; i < 1500 && more; i += 2)
		gone += drop(i * 7);
	note(gone);
	note(drop(0));
	sum = 0;
	for (__u32 i = zero; i < 1500 && more; i++)
		sum += get(i * 7);
	note(sum);
	for (__u32 i = zero; i < 750 && more; i++)
		put(i * 7 + 1, 1);
	// In the room of those that went.
	note_page(heap.fresh);
	return 0;
}

// A list from its end to its start, which user space looks at.
struct item __arena *list_head;
SEC("syscall") int list(void *ctx)
{
	for (int i = 0; i < 300; i++) {
		struct item __arena *item = new_item();

		if (!item)
			return 1;
		item->value = i;
		item->next = list_head;
		list_head = item;
	}
	note((__s64)(unsigned long)list_head);
	return 0;
}

// Read, write and both at once.
SEC("syscall") int atomics(void *ctx)
{
	__u64 __arena *word = pages(1);
	__u32 __arena *half = (__u32 __arena *)(word + 1);

	if (!word)
		return 1;
	*word = 5;
	note(__sync_fetch_and_add(word, 3));
	__sync_fetch_and_add(word, 1);
	__sync_fetch_and_or(word, 0x100);
	note(*word);
	note(__sync_val_compare_and_swap(word, 0x109, 1ul << 40));
	note(__sync_val_compare_and_swap(word, 7, 8));
	note(__sync_lock_test_and_set(word, 9));
	*half = ~0u;
	note(__sync_fetch_and_add(half, 2));
	note(*half);
	note(__sync_val_compare_and_swap(half, 1, 6));
	note(__sync_lock_test_and_set(half, 4));
	note(*word);
	note(half[0]);
	note(half[1]);
	return 0;
}

struct lock {
	__u32 taken;
};

static int take(struct lock __arena *lock)
{
	for (int i = 0; i < 100; i++)
		if (__sync_val_compare_and_swap(&lock->taken, 0, 1) == 0)
			return 1;
	return 0;
}

// A lock of the program's own, in the arena as what it guards.
SEC("syscall") int locked(void *ctx)
{
	struct lock __arena *lock = pages(1);
	long __arena *guarded = (long __arena *)(lock + 2);

	if (!lock)
		return 1;
	for (int i = 0; i < 10; i++) {
		if (!take(lock))
			return 2;
		*guarded += i;
		__sync_lock_test_and_set(&lock->taken, 0);
	}
	note(*guarded);
	note(take(lock));
	note(take(lock));
	return 0;
}

// Where no page is: loads give 0, and what is stored is lost.
SEC("syscall") int missing(void *ctx)
{
	volatile char __arena *first = page(20);
	volatile __u64 __arena *word = (void __arena *)page(21);
	volatile __s32 __arena *half = (void __arena *)page(22);

	bpf_arena_free_pages(&arena, page(0), PAGES);
	note(*first);
	*first = 1;
	note(*first);
	*word = ~0ul;
	note(*word);
	*half = -1;
	note(*half);
	// What there was stays in the register.
	note(__sync_fetch_and_add(word, 7));
	note(__sync_val_compare_and_swap(word, 3, 7));
	note(*word);
	// Before and behind it.
	note(*(volatile char __arena *)(page(0) - 1));
	*(volatile char __arena *)(page(0) - 1) = 1;
	note(*(volatile char __arena *)page(PAGES));
	*(volatile char __arena *)page(PAGES) = 1;
	return 0;
}

struct __attribute__((packed)) word_anywhere {
	__u64 value;
};

// Over the end of a page that is there.
SEC("syscall") int across(void *ctx)
{
	char __arena *start = bpf_arena_alloc_pages(&arena, page(16), 2, ANY_NODE, 0);
	volatile __u64 __arena *over;

	if (!start)
		return 1;
	over = (void __arena *)(start + PAGE - 3);
	*over = 0x0102030405060700ul;
	note(*over);
	note(start[PAGE - 1]);
	note(start[PAGE]);
	over = (void __arena *)(start + 2 * PAGE - 3);
	*over = 0x0102030405060700ul;
	note(*over);
	note(start[2 * PAGE - 1]);
	over = (void __arena *)(start - 3);
	*over = 0x0102030405060700ul;
	note(*over);
	note(start[0]);
	return 0;
}

static __noinline long sum_of(struct item __arena *item)
{
	long sum = 0;

	for (int i = 0; i < 10 && item; i++) {
		sum += item->value;
		item = item->next;
	}
	return sum;
}

static long add_up(__u32 i, void *ctx)
{
	struct item __arena **item = ctx;

	if (!*item)
		return 1;
	note((*item)->value);
	*item = (*item)->next;
	return 0;
}

// Pointers go into functions and callbacks, and onto the stack.
SEC("syscall") int passed(void *ctx)
{
	struct item __arena *items = pages(1);
	struct item __arena *walk = items;

	if (!items)
		return 1;
	for (int i = 0; i < 5; i++) {
		items[i].value = 1 << i;
		items[i].next = i < 4 ? &items[i + 1] : 0;
	}
	note(sum_of(items));
	bpf_loop(10, add_up, &walk, 0);
	note(walk == 0);
	return 0;
}

// As many pages as there are, again and again.
SEC("syscall") int cycles(void *ctx)
{
	__u32 got = 0, dirty = 0;

	for (__u32 i = zero; i < 200 && more; i++) {
		__u64 __arena *all = pages(PAGES);

		if (!all)
			continue;
		got++;
		for (__u32 n = zero; n < PAGES && more; n++) {
			dirty += all[n * 512] != 0;
			all[n * 512] = ~0ul;
		}
		bpf_arena_free_pages(&arena, all, PAGES);
	}
	note(got);
	note(dirty);
	return 0;
}

struct shared {
	__u64 count;
	__u32 half;
	struct lock lock;
	__u64 guarded;
	char odd[11];
};
struct shared __arena *shared;

SEC("syscall") int prepare(void *ctx)
{
	shared = pages(1);
	return !shared;
}

// What another program has allocated, on any number of CPUs.
SEC("xdp") int count_frame(struct xdp_md *ctx)
{
	struct shared __arena *s = shared;
	__u64 guarded;

	// It is this arena that pointers lead into.
	asm volatile("" :: "r"(&arena));
	if (!s)
		return XDP_ABORTED;
	__sync_fetch_and_add(&s->count, 1);
	if (__sync_fetch_and_add(&s->half, 2) & 1)
		return XDP_DROP;
	while (__sync_val_compare_and_swap(&s->lock.taken, 0, 1) != 0 && more)
		;
	guarded = *(volatile __u64 __arena *)&s->guarded;
	*(volatile __u64 __arena *)&s->guarded = guarded + 3;
	__sync_lock_test_and_set(&s->lock.taken, 0);
	// An address that is no multiple of the size.
	__sync_fetch_and_add((__u64 __arena *)(s->odd + 3), 1);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
