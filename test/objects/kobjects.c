// Objects that programs make, and what keeps them: lists, trees, pointers in values of maps. Each program leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define __contains(name, node) __attribute__((btf_decl_tag("contains:" #name ":" #node)))
#define private(name) SEC(".bss." #name) __attribute__((aligned(8)))
#define new(type) ((type *)bpf_obj_new_impl(__builtin_btf_type_id(*(type *)0, 0), 0))
#ifndef __percpu_kptr
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
#endif

struct bpf_list_head {
	__u64 opaque[2];
};
struct bpf_list_node {
	__u64 opaque[3];
};
struct bpf_rb_root {
	__u64 opaque[2];
};
struct bpf_rb_node {
	__u64 opaque[4];
};
struct bpf_refcount {
	__u32 opaque[1];
};
struct bpf_wq {
	__u64 opaque[2];
};
struct cpumask {
	unsigned long bits[1];
};
struct bpf_cpumask {
	struct cpumask cpumask;
};

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern void *bpf_percpu_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_percpu_obj_drop_impl(void *object, void *meta) __ksym;
extern void *bpf_refcount_acquire_impl(void *object, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta, __u64 off) __ksym;
extern int bpf_list_push_back_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta, __u64 off) __ksym;
extern struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head) __ksym;
extern struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *head) __ksym;
extern struct bpf_list_node *bpf_list_front(struct bpf_list_head *head) __ksym;
extern struct bpf_list_node *bpf_list_back(struct bpf_list_head *head) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
			       _Bool (*less)(struct bpf_rb_node *a, const struct bpf_rb_node *b), void *meta, __u64 off) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) __ksym;
extern struct bpf_rb_node *bpf_rbtree_root(struct bpf_rb_root *root) __ksym;
extern struct bpf_rb_node *bpf_rbtree_left(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;
extern struct bpf_rb_node *bpf_rbtree_right(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
extern int bpf_wq_set_callback_impl(struct bpf_wq *wq, int (*callback)(void *map, int *key, void *value), unsigned int flags, void *aux) __ksym;
extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;
extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern struct bpf_cpumask *bpf_cpumask_acquire(struct bpf_cpumask *mask) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *mask) __ksym;
extern __u32 bpf_cpumask_first(const struct cpumask *mask) __ksym;
extern __u32 bpf_cpumask_first_zero(const struct cpumask *mask) __ksym;
extern __u32 bpf_cpumask_first_and(const struct cpumask *one, const struct cpumask *other) __ksym;
extern void bpf_cpumask_set_cpu(__u32 cpu, struct bpf_cpumask *mask) __ksym;
extern void bpf_cpumask_clear_cpu(__u32 cpu, struct bpf_cpumask *mask) __ksym;
extern _Bool bpf_cpumask_test_cpu(__u32 cpu, const struct cpumask *mask) __ksym;
extern _Bool bpf_cpumask_test_and_set_cpu(__u32 cpu, struct bpf_cpumask *mask) __ksym;
extern _Bool bpf_cpumask_test_and_clear_cpu(__u32 cpu, struct bpf_cpumask *mask) __ksym;
extern void bpf_cpumask_setall(struct bpf_cpumask *mask) __ksym;
extern void bpf_cpumask_clear(struct bpf_cpumask *mask) __ksym;
extern _Bool bpf_cpumask_and(struct bpf_cpumask *to, const struct cpumask *one, const struct cpumask *other) __ksym;
extern void bpf_cpumask_or(struct bpf_cpumask *to, const struct cpumask *one, const struct cpumask *other) __ksym;
extern void bpf_cpumask_xor(struct bpf_cpumask *to, const struct cpumask *one, const struct cpumask *other) __ksym;
extern _Bool bpf_cpumask_equal(const struct cpumask *one, const struct cpumask *other) __ksym;
extern _Bool bpf_cpumask_intersects(const struct cpumask *one, const struct cpumask *other) __ksym;
extern _Bool bpf_cpumask_subset(const struct cpumask *one, const struct cpumask *other) __ksym;
extern _Bool bpf_cpumask_empty(const struct cpumask *mask) __ksym;
extern _Bool bpf_cpumask_full(const struct cpumask *mask) __ksym;
extern void bpf_cpumask_copy(struct bpf_cpumask *to, const struct cpumask *from) __ksym;
extern __u32 bpf_cpumask_weight(const struct cpumask *mask) __ksym;

struct item {
	__u64 value;
	struct bpf_list_node node;
};
struct shared {
	__u64 value;
	struct bpf_rb_node tree_node;
	struct bpf_refcount refs;
	struct bpf_list_node list_node;
};
struct leaf {
	__u64 key;
	struct bpf_rb_node node;
};
struct counter {
	__u64 count;
};

private(A) struct bpf_spin_lock list_lock;
private(A) struct bpf_list_head list __contains(item, node);
private(B) struct bpf_spin_lock tree_lock;
private(B) struct bpf_rb_root tree __contains(leaf, node);
private(C) struct bpf_spin_lock both_lock;
private(C) struct bpf_rb_root shared_tree __contains(shared, tree_node);
private(C) struct bpf_list_head shared_list __contains(shared, list_node);

struct holder {
	__u64 before;
	struct item __kptr *item;
	struct counter __percpu_kptr *counter;
	struct bpf_cpumask __kptr *mask;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct holder);
} holders SEC(".maps");

struct queue {
	struct bpf_spin_lock lock;
	struct bpf_list_head head __contains(item, node);
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct queue);
} queues SEC(".maps");

struct worker {
	__u64 runs;
	struct bpf_wq work;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct worker);
} workers SEC(".maps");

__s64 seen[64];
__u32 at;
__u64 worked[4];

static void note(__s64 value)
{
	__u32 i = at++;

	if (i < 64)
		seen[i] = value;
}

static int push(__u64 value, int back)
{
	struct item *item = new(struct item);
	int result;

	if (!item)
		return -1;
	item->value = value;
	bpf_spin_lock(&list_lock);
	result = back ? bpf_list_push_back_impl(&list, &item->node, 0, 0) : bpf_list_push_front_impl(&list, &item->node, 0, 0);
	bpf_spin_unlock(&list_lock);
	return result;
}

static __s64 pop(int back)
{
	struct bpf_list_node *node;
	struct item *item;
	__s64 value;

	bpf_spin_lock(&list_lock);
	node = back ? bpf_list_pop_back(&list) : bpf_list_pop_front(&list);
	bpf_spin_unlock(&list_lock);
	if (!node)
		return -1;
	item = container_of(node, struct item, node);
	value = item->value;
	bpf_obj_drop_impl(item, 0);
	return value;
}

static __s64 peek(int back)
{
	struct bpf_list_node *node;
	__s64 value = -1;

	bpf_spin_lock(&list_lock);
	node = back ? bpf_list_back(&list) : bpf_list_front(&list);
	if (node)
		value = container_of(node, struct item, node)->value;
	bpf_spin_unlock(&list_lock);
	return value;
}

SEC("tc")
int lists(struct __sk_buff *skb)
{
	note(pop(0));
	note(peek(0));
	note(push(1, 1));
	note(push(2, 1));
	note(push(3, 0));
	note(peek(0));
	note(peek(1));
	note(pop(1));
	note(pop(0));
	note(push(4, 0));
	note(pop(1));
	note(pop(1));
	note(pop(1));
	note(push(5, 1)); // stays
	return 0;
}

static _Bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct leaf, node)->key < container_of(b, struct leaf, node)->key;
}

static void insert(__u64 key)
{
	struct leaf *leaf = new(struct leaf);

	if (!leaf)
		return;
	leaf->key = key;
	bpf_spin_lock(&tree_lock);
	bpf_rbtree_add_impl(&tree, &leaf->node, less, 0, 0);
	bpf_spin_unlock(&tree_lock);
}

#define KEY(n) ((n) ? (__s64)container_of(n, struct leaf, node)->key : -1)

// The root, its children and theirs.
static void shape(void)
{
	struct bpf_rb_node *root, *l, *r, *x;
	__s64 keys[7] = { -1, -1, -1, -1, -1, -1, -1 };

	bpf_spin_lock(&tree_lock);
	root = bpf_rbtree_root(&tree);
	if (root) {
		keys[0] = KEY(root);
		l = bpf_rbtree_left(&tree, root);
		r = bpf_rbtree_right(&tree, root);
		if (l) {
			keys[1] = KEY(l);
			x = bpf_rbtree_left(&tree, l);
			keys[3] = KEY(x);
			x = bpf_rbtree_right(&tree, l);
			keys[4] = KEY(x);
		}
		if (r) {
			keys[2] = KEY(r);
			x = bpf_rbtree_left(&tree, r);
			keys[5] = KEY(x);
			x = bpf_rbtree_right(&tree, r);
			keys[6] = KEY(x);
		}
	}
	bpf_spin_unlock(&tree_lock);
	for (int i = 0; i < 7; i++)
		note(keys[i]);
}

// Takes out the root (0), the first (1) or a child of the root (2, 3).
static __s64 take(int which)
{
	struct bpf_rb_node *node, *taken = 0;
	__s64 key = -1;

	bpf_spin_lock(&tree_lock);
	node = which == 1 ? bpf_rbtree_first(&tree) : bpf_rbtree_root(&tree);
	if (node && which >= 2)
		node = which == 2 ? bpf_rbtree_left(&tree, node) : bpf_rbtree_right(&tree, node);
	if (node)
		taken = bpf_rbtree_remove(&tree, node);
	bpf_spin_unlock(&tree_lock);
	if (!taken)
		return -1;
	key = container_of(taken, struct leaf, node)->key;
	bpf_obj_drop_impl(container_of(taken, struct leaf, node), 0);
	return key;
}

SEC("tc")
int trees(struct __sk_buff *skb)
{
	note(take(1));
	insert(5);
	insert(3);
	insert(8);
	insert(1);
	insert(4);
	insert(7);
	insert(9);
	shape();
	insert(2);
	insert(6);
	insert(5);
	shape();
	note(take(0));
	shape();
	note(take(1));
	note(take(2));
	note(take(3));
	shape();
	note(take(0));
	note(take(0));
	shape();
	note(take(1));
	note(take(1));
	note(take(1));
	note(take(1));
	note(take(1));
	return 0;
}

__u32 seed = 1;

static __u32 dice(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 16;
}

// Many steps, whose traces are summed up.
SEC("tc")
int grown(struct __sk_buff *skb)
{
	__u64 sum = 0;

	for (int i = 0; i < 100; i++) {
		if ((dice() & 3) != 0)
			insert(dice() & 63);
		else
			sum = sum * 31 + take(dice() & 3);
	}
	note(sum);
	shape();
	return 0;
}

static _Bool shared_less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct shared, tree_node)->value < container_of(b, struct shared, tree_node)->value;
}

SEC("tc")
int references(struct __sk_buff *skb)
{
	struct shared *object, *other;
	struct bpf_list_node *node;
	struct bpf_rb_node *leaf;

	object = new(struct shared);
	if (!object)
		return 1;
	object->value = 7;
	other = bpf_refcount_acquire_impl(object, 0);
	bpf_spin_lock(&both_lock);
	note(bpf_rbtree_add_impl(&shared_tree, &object->tree_node, shared_less, 0, 0));
	note(bpf_list_push_back_impl(&shared_list, &other->list_node, 0, 0));
	leaf = bpf_rbtree_first(&shared_tree);
	if (!leaf) {
		bpf_spin_unlock(&both_lock);
		return 2;
	}
	other = bpf_refcount_acquire_impl(container_of(leaf, struct shared, tree_node), 0);
	bpf_spin_unlock(&both_lock);
	if (!other)
		return 3;
	other->value += 10;
	bpf_spin_lock(&both_lock);
	// It is in the list already.
	note(bpf_list_push_front_impl(&shared_list, &other->list_node, 0, 0));
	node = bpf_list_pop_back(&shared_list);
	bpf_spin_unlock(&both_lock);
	if (!node)
		return 4;
	object = container_of(node, struct shared, list_node);
	note(object->value);
	other = bpf_refcount_acquire_impl(object, 0);
	bpf_spin_lock(&both_lock);
	leaf = bpf_rbtree_remove(&shared_tree, &other->tree_node);
	node = bpf_list_pop_front(&shared_list);
	bpf_spin_unlock(&both_lock);
	note(!!leaf);
	note(!!node);
	if (leaf)
		bpf_obj_drop_impl(container_of(leaf, struct shared, tree_node), 0);
	if (node)
		bpf_obj_drop_impl(container_of(node, struct shared, list_node), 0);
	note(other->value);
	bpf_spin_lock(&both_lock);
	leaf = bpf_rbtree_remove(&shared_tree, &other->tree_node);
	bpf_spin_unlock(&both_lock);
	note(!!leaf);
	if (leaf)
		bpf_obj_drop_impl(container_of(leaf, struct shared, tree_node), 0);
	bpf_obj_drop_impl(object, 0);
	bpf_obj_drop_impl(other, 0);
	return 0;
}

SEC("tc")
int pointers(struct __sk_buff *skb)
{
	struct holder empty = {}, *holder;
	struct item *item, *old;
	__u32 key = 1;

	note(bpf_map_update_elem(&holders, &key, &empty, 0));
	holder = bpf_map_lookup_elem(&holders, &key);
	item = new(struct item);
	if (!holder || !item) {
		if (item)
			bpf_obj_drop_impl(item, 0);
		return 1;
	}
	item->value = 11;
	old = bpf_kptr_xchg(&holder->item, item);
	note(!!old);
	if (old)
		bpf_obj_drop_impl(old, 0);
	bpf_rcu_read_lock();
	item = holder->item;
	note(item ? item->value : -1);
	bpf_rcu_read_unlock();
	item = new(struct item);
	if (!item)
		return 2;
	item->value = 12;
	old = bpf_kptr_xchg(&holder->item, item);
	note(old ? old->value : -1);
	if (old)
		bpf_obj_drop_impl(old, 0);
	// An update from a program lets go of what is there.
	note(bpf_map_update_elem(&holders, &key, &empty, 0));
	holder = bpf_map_lookup_elem(&holders, &key);
	if (!holder)
		return 3;
	old = bpf_kptr_xchg(&holder->item, 0);
	note(!!old);
	if (old)
		bpf_obj_drop_impl(old, 0);
	item = new(struct item);
	if (!item)
		return 4;
	old = bpf_kptr_xchg(&holder->item, item);
	if (old)
		bpf_obj_drop_impl(old, 0);
	note(bpf_map_delete_elem(&holders, &key));
	return 0;
}

SEC("tc")
int each_cpu(struct __sk_buff *skb)
{
	struct holder empty = {}, *holder;
	struct counter __percpu_kptr *counter;
	struct counter *one;
	__u32 key = 2;

	note(bpf_map_update_elem(&holders, &key, &empty, 0));
	holder = bpf_map_lookup_elem(&holders, &key);
	if (!holder)
		return 1;
	counter = bpf_percpu_obj_new_impl(__builtin_btf_type_id(*(struct counter *)0, 0), 0);
	if (!counter)
		return 2;
	counter = bpf_kptr_xchg(&holder->counter, counter);
	note(!!counter);
	if (counter)
		bpf_percpu_obj_drop_impl(counter, 0);
	bpf_rcu_read_lock();
	counter = holder->counter;
	if (counter) {
		one = bpf_this_cpu_ptr(counter);
		one->count += 3;
		one = bpf_per_cpu_ptr(counter, bpf_get_smp_processor_id());
		note(one ? one->count : -1);
		one = bpf_per_cpu_ptr(counter, 1 - bpf_get_smp_processor_id());
		note(one ? one->count : -1);
		one = bpf_per_cpu_ptr(counter, 9999);
		note(!!one);
	}
	bpf_rcu_read_unlock();
	return 0;
}

SEC("tc")
int in_maps(struct __sk_buff *skb)
{
	struct queue empty = {}, *queue;
	struct bpf_list_node *node;
	struct item *item;
	__u32 key = 1;

	note(bpf_map_update_elem(&queues, &key, &empty, 0));
	queue = bpf_map_lookup_elem(&queues, &key);
	item = new(struct item);
	if (!queue || !item) {
		if (item)
			bpf_obj_drop_impl(item, 0);
		return 1;
	}
	bpf_spin_lock(&queue->lock);
	note(bpf_list_push_back_impl(&queue->head, &item->node, 0, 0));
	bpf_spin_unlock(&queue->lock);
	bpf_spin_lock(&queue->lock);
	node = bpf_list_pop_front(&queue->head);
	bpf_spin_unlock(&queue->lock);
	note(!!node);
	if (node) {
		item = container_of(node, struct item, node);
		bpf_spin_lock(&queue->lock);
		bpf_list_push_back_impl(&queue->head, &item->node, 0, 0);
		bpf_spin_unlock(&queue->lock);
	}
	note(bpf_map_delete_elem(&queues, &key));
	note(bpf_map_update_elem(&queues, &key, &empty, 0));
	queue = bpf_map_lookup_elem(&queues, &key);
	if (!queue)
		return 2;
	bpf_spin_lock(&queue->lock);
	node = bpf_list_pop_front(&queue->head);
	bpf_spin_unlock(&queue->lock);
	note(!!node);
	if (node)
		bpf_obj_drop_impl(container_of(node, struct item, node), 0);
	return 0;
}

static int work(void *map, int *key, void *value)
{
	struct worker *worker = value;

	worker->runs++;
	worked[*key & 3] = 100 + worker->runs;
	return 0;
}

SEC("tc")
int workqueues(struct __sk_buff *skb)
{
	__u32 key = 1;
	struct worker *worker = bpf_map_lookup_elem(&workers, &key);

	if (!worker)
		return 1;
	note(bpf_wq_start(&worker->work, 0));
	note(bpf_wq_set_callback_impl(&worker->work, work, 0, 0));
	note(bpf_wq_init(&worker->work, &workers, 1));
	note(bpf_wq_init(&worker->work, &workers, 0));
	note(bpf_wq_init(&worker->work, &workers, 0));
	note(bpf_wq_set_callback_impl(&worker->work, work, 1, 0));
	note(bpf_wq_set_callback_impl(&worker->work, work, 0, 0));
	note(bpf_wq_start(&worker->work, 1));
	note(bpf_wq_start(&worker->work, 0));
	return 0;
}

#define M(mask) ((const struct cpumask *)(mask))

SEC("syscall")
int cpumasks(void *ctx)
{
	struct bpf_cpumask *a = bpf_cpumask_create(), *b = 0, *c;
	__u32 none;

	if (!a)
		return 1;
	b = bpf_cpumask_create();
	if (!b) {
		bpf_cpumask_release(a);
		return 2;
	}
	none = bpf_cpumask_first(M(a));
	note(bpf_cpumask_first_zero(M(a)));
	note(bpf_cpumask_empty(M(a)));
	bpf_cpumask_set_cpu(1, a);
	bpf_cpumask_set_cpu(99999, a);
	note(bpf_cpumask_first(M(a)));
	note(bpf_cpumask_weight(M(a)));
	note(bpf_cpumask_test_cpu(1, M(a)));
	note(bpf_cpumask_test_cpu(0, M(a)));
	note(bpf_cpumask_test_cpu(99999, M(a)));
	note(bpf_cpumask_test_and_set_cpu(0, b));
	note(bpf_cpumask_test_and_set_cpu(0, b));
	note(bpf_cpumask_test_and_clear_cpu(1, b));
	note(bpf_cpumask_intersects(M(a), M(b)));
	note(bpf_cpumask_first_and(M(a), M(b)) == none);
	c = bpf_cpumask_acquire(a);
	note(bpf_cpumask_equal(M(a), M(c)));
	note(bpf_cpumask_subset(M(a), M(b)));
	bpf_cpumask_or(b, M(a), M(b));
	note(bpf_cpumask_subset(M(a), M(b)));
	note(bpf_cpumask_weight(M(b)));
	note(bpf_cpumask_and(b, M(a), M(b)));
	note(bpf_cpumask_equal(M(a), M(b)));
	bpf_cpumask_xor(b, M(a), M(b));
	note(bpf_cpumask_empty(M(b)));
	note(bpf_cpumask_and(b, M(a), M(b)));
	bpf_cpumask_setall(b);
	note(bpf_cpumask_full(M(b)));
	bpf_cpumask_clear_cpu(0, b);
	note(bpf_cpumask_full(M(b)));
	note(bpf_cpumask_first(M(b)));
	bpf_cpumask_copy(b, M(a));
	note(bpf_cpumask_equal(M(a), M(b)));
	bpf_cpumask_clear(b);
	note(bpf_cpumask_first(M(b)) == none);
	bpf_cpumask_release(c);
	note(bpf_cpumask_weight(M(a)));
	bpf_cpumask_release(a);
	bpf_cpumask_release(b);
	return 0;
}

char _license[] SEC("license") = "GPL";
