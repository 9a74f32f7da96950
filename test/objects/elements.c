// An iterator over the elements of a map: each as `KEY:VALUE`, of per-CPU maps the sum, and the end with the number of the last. It doubles the values.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
} __attribute__((preserve_access_index));
struct bpf_map {
	__u32 max_entries;
} __attribute__((preserve_access_index));
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
} __attribute__((preserve_access_index));

#define SEQ_PRINTF(seq, format, ...)                                                           \
	({                                                                                     \
		static const char text[] = format;                                             \
		__u64 values[] = { __VA_ARGS__ };                                              \
		bpf_seq_printf(seq, text, sizeof(text), values, sizeof(values));               \
	})

SEC("iter/bpf_map_elem")
int elements(struct bpf_iter__bpf_map_elem *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	__u32 *key = ctx->key;
	__u64 *value = ctx->value;

	if (!key || !value) {
		SEQ_PRINTF(seq, "end %llu of %u\n", ctx->meta->seq_num, ctx->map->max_entries);
		return 0;
	}
	SEQ_PRINTF(seq, "%u:%llu\n", *key, *value);
	*value *= 2;
	return 0;
}

SEC("iter/bpf_map_elem")
int each_cpu(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *key = ctx->key;
	__u64 *value = ctx->value;

	if (key && value)
		SEQ_PRINTF(ctx->meta->seq, "%u:%llu+%llu\n", *key, value[0], value[1]);
	return 0;
}

char _license[] SEC("license") = "GPL";
