// Functions of the kernel that programs call. Each program leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define WRITES 1

struct bpf_iter_num {
	__u64 opaque[1];
};
struct bpf_iter_bits {
	__u64 opaque[2];
};

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern int bpf_iter_bits_new(struct bpf_iter_bits *it, const __u64 *words, __u32 count) __ksym;
extern int *bpf_iter_bits_next(struct bpf_iter_bits *it) __ksym;
extern void bpf_iter_bits_destroy(struct bpf_iter_bits *it) __ksym;
extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern int bpf_dynptr_from_xdp(struct xdp_md *xdp, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *p, __u32 offset, void *buffer, __u32 size) __ksym;
extern void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *p, __u32 offset, void *buffer, __u32 size) __ksym;
extern int bpf_dynptr_adjust(const struct bpf_dynptr *p, __u32 start, __u32 end) __ksym;
extern _Bool bpf_dynptr_is_null(const struct bpf_dynptr *p) __ksym;
extern _Bool bpf_dynptr_is_rdonly(const struct bpf_dynptr *p) __ksym;
extern __u32 bpf_dynptr_size(const struct bpf_dynptr *p) __ksym;
extern int bpf_dynptr_clone(const struct bpf_dynptr *p, struct bpf_dynptr *clone) __ksym;
extern int bpf_dynptr_copy(struct bpf_dynptr *to, __u32 to_off, struct bpf_dynptr *from, __u32 from_off, __u32 size) __ksym;
extern int bpf_dynptr_memset(struct bpf_dynptr *p, __u32 offset, __u32 size, __u8 value) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;
extern void bpf_local_irq_save(unsigned long *flags) __ksym;
extern void bpf_local_irq_restore(unsigned long *flags) __ksym;
extern void bpf_throw(__u64 cookie) __ksym;
extern int bpf_strcmp(const char *s1, const char *s2) __ksym;
extern int bpf_strcasecmp(const char *s1, const char *s2) __ksym;
extern int bpf_strchr(const char *s, char c) __ksym;
extern int bpf_strchrnul(const char *s, char c) __ksym;
extern int bpf_strnchr(const char *s, unsigned long count, char c) __ksym;
extern int bpf_strrchr(const char *s, int c) __ksym;
extern int bpf_strlen(const char *s) __ksym;
extern int bpf_strnlen(const char *s, unsigned long count) __ksym;
extern int bpf_strspn(const char *s, const char *accept) __ksym;
extern int bpf_strcspn(const char *s, const char *reject) __ksym;
extern int bpf_strstr(const char *s1, const char *s2) __ksym;
extern int bpf_strnstr(const char *s1, const char *s2, unsigned long len) __ksym;

__s64 seen[48];
__u32 at;

static void note(__s64 value)
{
	__u32 i = at++;

	if (i < 48)
		seen[i] = value;
}

static void count(int start, int end)
{
	struct bpf_iter_num it;
	int *n, numbers = 0, sum = 0;

	note(bpf_iter_num_new(&it, start, end));
	while ((n = bpf_iter_num_next(&it))) {
		numbers++;
		sum += *n;
	}
	note(numbers);
	note(sum);
	bpf_iter_num_destroy(&it);
}

SEC("tc")
int numbers(struct __sk_buff *skb)
{
	count(1, 5);
	count(-3, 3);
	count(4, 4);
	count(5, 4);
	count(0, 8388609);
	count(-2147483647 - 1, 2147483647);
	count(-2147483647 - 1, -2147483645);
	count(2147483645, 2147483647);
	return 0;
}

__u64 words[4] = { 0x8000000000000001, 0, 6, 0x10 };

static void bits(const __u64 *from, __u32 count)
{
	struct bpf_iter_bits it;
	int *bit;

	note(bpf_iter_bits_new(&it, from, count));
	while ((bit = bpf_iter_bits_next(&it)))
		note(*bit);
	note(!bpf_iter_bits_next(&it));
	bpf_iter_bits_destroy(&it);
}

SEC("tc")
int set_bits(struct __sk_buff *skb)
{
	bits(words, 1);
	bits(words, 4);
	bits(words + 1, 1);
	bits(words, 0);
	bits(0, 1);
	bits(words, 512);
	bits(words + 2, 2);
	return 0;
}

char text[64] = "abcdefghijklmnopqrstuvwxyz";

SEC("tc")
int memory_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr p, q;
	char buffer[8] = {}, *slice;

	note(bpf_dynptr_from_mem(text, 26, 0, &p));
	note(bpf_dynptr_is_null(&p));
	note(bpf_dynptr_is_rdonly(&p));
	note(bpf_dynptr_size(&p));
	note(bpf_dynptr_clone(&p, &q));
	note(bpf_dynptr_adjust(&q, 4, 10));
	note(bpf_dynptr_size(&q));
	note(bpf_dynptr_size(&p));
	slice = bpf_dynptr_slice(&q, 2, buffer, 3);
	note(slice ? slice[2] : 0);
	slice = bpf_dynptr_slice(&q, 4, buffer, 3);
	note(slice ? slice[2] : 0);
	slice = bpf_dynptr_slice_rdwr(&q, 0, 0, 2);
	if (slice)
		slice[1] = 'X';
	note(text[5]);
	note(bpf_dynptr_read(buffer, 3, &q, 4, 0));
	note(bpf_dynptr_read(buffer, 2, &q, 4, 0));
	note(buffer[1]);
	note(bpf_dynptr_adjust(&q, 3, 2));
	note(bpf_dynptr_adjust(&q, 3, 7));
	note(bpf_dynptr_adjust(&q, 7, 7));
	note(bpf_dynptr_adjust(&q, 6, 6));
	note(bpf_dynptr_size(&q));
	note(bpf_dynptr_write(&q, 0, buffer, 1, 0));
	note(bpf_dynptr_write(&p, 1, "123", 3, 0));
	note(bpf_dynptr_write(&p, 1, "123", 3, 1));
	note(bpf_dynptr_read(buffer, 3, &p, 1, 1));
	note(text[3]);
	note(bpf_dynptr_memset(&p, 10, 4, 'z'));
	note(bpf_dynptr_memset(&p, 24, 4, 'z'));
	note(text[13] + text[14]);
	note(bpf_dynptr_from_mem(text, 26, 1, &q));
	note(bpf_dynptr_is_null(&q));
	note(bpf_dynptr_is_rdonly(&q));
	note(bpf_dynptr_size(&q));
	note(bpf_dynptr_adjust(&q, 0, 0));
	note(!bpf_dynptr_slice(&q, 0, buffer, 1));
	note(bpf_dynptr_memset(&q, 0, 1, 0));
	note(bpf_dynptr_memset(&q, 0, 0, 0));
	return 0;
}

SEC("tc")
int copied_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr p, q, none;

	bpf_dynptr_from_mem(text, 16, 0, &p);
	bpf_dynptr_from_mem(text + 32, 8, 0, &q);
	bpf_dynptr_from_mem(text, 16, 1, &none);
	note(bpf_dynptr_copy(&q, 1, &p, 3, 4));
	note(text[33]);
	note(text[36]);
	note(text[37]);
	note(bpf_dynptr_copy(&q, 5, &p, 0, 4));
	note(bpf_dynptr_copy(&q, 0, &p, 13, 4));
	note(bpf_dynptr_copy(&q, 9, &p, 17, 0));
	note(bpf_dynptr_copy(&p, 2, &p, 0, 8));
	note(text[9]);
	note(bpf_dynptr_copy(&none, 0, &p, 0, 1));
	note(bpf_dynptr_copy(&q, 0, &none, 0, 1));
	note(bpf_dynptr_copy(&none, 0, &none, 0, 1));
	note(bpf_dynptr_copy(&none, 0, &none, 0, 0));
	note(bpf_dynptr_copy(&none, 0, &p, 17, 1));
	note(bpf_dynptr_clone(&none, &q));
	note(bpf_dynptr_is_null(&q));
	return 0;
}

static void packet(struct bpf_dynptr *p, int can_write)
{
	char buffer[4] = {}, *slice;

	note(bpf_dynptr_is_rdonly(p));
	note(bpf_dynptr_size(p));
	slice = bpf_dynptr_slice(p, 12, buffer, 2);
	note(slice ? slice[0] : -1);
	slice = bpf_dynptr_slice(p, 63, buffer, 2);
	note(slice ? slice[0] : -1);
	note(bpf_dynptr_write(p, 20, "\7\10", 2, 0));
	note(bpf_dynptr_write(p, 20, "\7\10", 2, 4));
	note(bpf_dynptr_write(p, 20, "\7\10", 2, 1));
	note(bpf_dynptr_read(buffer, 2, p, 20, 0));
	note(buffer[1]);
	note(bpf_dynptr_adjust(p, 14, 20));
	note(bpf_dynptr_read(buffer, 4, p, 2, 0));
	note(bpf_dynptr_read(buffer, 4, p, 3, 0));
	note(!bpf_dynptr_data(p, 0, 1));
	note(buffer[0]);
}

SEC("tc")
int skb_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr p;
	__u8 *slice;

	note(bpf_dynptr_from_skb(skb, 0, &p));
	packet(&p, WRITES);
	slice = bpf_dynptr_slice_rdwr(&p, 1, 0, 2);
	if (slice)
		*slice = 9;
	note(bpf_dynptr_read(&text, 1, &p, 1, 0));
	note(text[0]);
	note(bpf_dynptr_from_skb(skb, 1, &p));
	note(bpf_dynptr_is_null(&p));
	return 0;
}

SEC("cgroup_skb/egress")
int rdonly_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr p;

	note(bpf_dynptr_from_skb(skb, 0, &p));
	packet(&p, 0);
	return 0;
}

SEC("xdp")
int xdp_dynptr(struct xdp_md *xdp)
{
	struct bpf_dynptr p;

	note(bpf_dynptr_from_xdp(xdp, 0, &p));
	packet(&p, WRITES);
	note(bpf_dynptr_from_xdp(xdp, 1, &p));
	note(bpf_dynptr_is_null(&p));
	return 0;
}

SEC("tc")
int regions(struct __sk_buff *skb)
{
	unsigned long outer, inner;

	bpf_rcu_read_lock();
	note(1);
	bpf_rcu_read_unlock();
	bpf_preempt_disable();
	bpf_preempt_disable();
	note(2);
	bpf_preempt_enable();
	bpf_preempt_enable();
	bpf_local_irq_save(&outer);
	bpf_local_irq_save(&inner);
	note(3);
	bpf_local_irq_restore(&inner);
	bpf_local_irq_restore(&outer);
	return 0;
}

static const char hello[] = "hello", Hello[] = "Hello", help[] = "help", empty[] = "", umlaut[] = "hell\xf6";
char open_end[70000];

SEC("tc")
int compared(struct __sk_buff *skb)
{
	note(bpf_strcmp(hello, hello));
	note(bpf_strcmp(hello, Hello));
	note(bpf_strcmp(hello, help));
	note(bpf_strcmp(help, hello));
	note(bpf_strcmp(empty, help));
	note(bpf_strcmp(umlaut, hello));
	note(bpf_strcasecmp(hello, Hello));
	note(bpf_strcasecmp(Hello, help));
	note(bpf_strcmp(0, hello));
	note(bpf_strcmp(hello, 0));
	note(bpf_strcmp(hello, (char *)0xff00000000000000));
	return 0;
}

SEC("tc")
int searched(struct __sk_buff *skb)
{
	note(bpf_strchr(hello, 'l'));
	note(bpf_strchr(hello, 'x'));
	note(bpf_strchr(hello, 0));
	note(bpf_strchrnul(hello, 'l'));
	note(bpf_strchrnul(hello, 'x'));
	note(bpf_strchrnul(hello, 0));
	note(bpf_strnchr(hello, 2, 'l'));
	note(bpf_strnchr(hello, 3, 'l'));
	note(bpf_strnchr(hello, 9, 'x'));
	note(bpf_strnchr(hello, 5, 0));
	note(bpf_strnchr(hello, 6, 0));
	note(bpf_strrchr(hello, 'l'));
	note(bpf_strrchr(hello, 'x'));
	note(bpf_strrchr(hello, 0));
	note(bpf_strlen(hello));
	note(bpf_strlen(empty));
	note(bpf_strnlen(hello, 3));
	note(bpf_strnlen(hello, 30));
	note(bpf_strnlen(hello, 0));
	note(bpf_strspn(hello, "leh"));
	note(bpf_strspn(hello, empty));
	note(bpf_strspn(hello, "ohel"));
	note(bpf_strcspn(hello, "ol"));
	note(bpf_strcspn(hello, "xyz"));
	note(bpf_strcspn(empty, "xyz"));
	note(bpf_strchr(0, 'x'));
	note(bpf_strlen(0));
	note(bpf_strspn(hello, 0));
	note(bpf_strchr(umlaut, 0xf6));
	return 0;
}

SEC("tc")
int substrings(struct __sk_buff *skb)
{
	note(bpf_strstr(hello, "lo"));
	note(bpf_strstr(hello, "hello!"));
	note(bpf_strstr(hello, empty));
	note(bpf_strstr(empty, empty));
	note(bpf_strstr(empty, hello));
	note(bpf_strnstr(hello, "lo", 4));
	note(bpf_strnstr(hello, "lo", 5));
	note(bpf_strnstr(hello, "lo", 50));
	note(bpf_strnstr(hello, empty, 0));
	note(bpf_strnstr(hello, "h", 0));
	note(bpf_strnstr(hello, hello, 5));
	note(bpf_strnstr(hello, hello, 4));
	note(bpf_strstr(hello, 0));
	return 0;
}

SEC("tc")
int too_long(struct __sk_buff *skb)
{
	struct bpf_dynptr p;

	note(bpf_dynptr_from_mem(open_end, sizeof(open_end), 0, &p));
	note(bpf_dynptr_memset(&p, 0, sizeof(open_end), 'x'));
	note(bpf_strlen(open_end));
	note(bpf_strnlen(open_end, 65536));
	note(bpf_strnlen(open_end, 65535));
	note(bpf_strchr(open_end, 'y'));
	note(bpf_strchrnul(open_end, 'y'));
	note(bpf_strrchr(open_end, 'x'));
	note(bpf_strnchr(open_end, 65535, 'y'));
	note(bpf_strcmp(open_end, open_end));
	note(bpf_strspn(open_end, "x"));
	note(bpf_strcspn(open_end, "y"));
	note(bpf_strstr(open_end, "y"));
	note(bpf_strstr(open_end, "xxx"));
	return 0;
}

char _license[] SEC("license") = "GPL";
