// What helpers answer that are about no packet. Each program leaves what it saw in `seen` and `text`.
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} percpu_array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} percpu_hash SEC(".maps");

__s64 seen[32];
char text[1024];
__u8 ipv4[4] = { 10, 1, 0, 255 };
__u8 ipv6[16] = { 0xfe, 0x80, [14] = 0x12, 0x34 };
char word[] = "word";

static long next;

#define NOTE(value) (seen[next++ & 31] = (value))

static int number(const char *digits, int size, __u64 flags)
{
	long as_signed = 99;
	unsigned long as_unsigned = 99;

	NOTE(bpf_strtol(digits, size, flags, &as_signed));
	NOTE(as_signed);
	NOTE(bpf_strtoul(digits, size, flags, &as_unsigned));
	NOTE(as_unsigned);
	return 0;
}

#define NUMBER(digits, flags)                                                \
	do {                                                                 \
		char copy[] = digits;                                        \
		number(copy, sizeof(copy), flags);                           \
	} while (0)

SEC("tc")
int decimals(struct __sk_buff *skb)
{
	next = 0;
	NUMBER("123", 0);
	NUMBER(" \t-45x", 0);
	NUMBER("x", 0);
	NUMBER("-", 10);
	NUMBER("9223372036854775807", 0);
	NUMBER("9223372036854775808", 0);
	NUMBER("-9223372036854775808", 0);
	NUMBER("18446744073709551616", 0);
	return 0;
}

SEC("tc")
int bases(struct __sk_buff *skb)
{
	next = 0;
	NUMBER("0x1fg", 0);
	NUMBER("0x1f", 16);
	NUMBER("0x1f", 10);
	NUMBER("0X", 0);
	NUMBER("0xg", 16);
	NUMBER("0778", 0);
	NUMBER("FF", 16);
	NUMBER("1", 2);
	return 0;
}

SEC("tc")
int flags_of_number(struct __sk_buff *skb)
{
	next = 0;
	NUMBER("1", 1 << 5);
	NUMBER("1", 1ULL << 40 | 10);
	NUMBER("-0", 0);
	// Only the first 63 digits are looked at.
	NUMBER("0000000000000000000000000000000000000000000000000000000000000000001", 10);
	return 0;
}

#define COMPARE(a, b)                                                        \
	do {                                                                 \
		char copy[] = a;                                             \
		NOTE(bpf_strncmp(copy, sizeof(copy), b));                    \
	} while (0)

SEC("tc")
int strings(struct __sk_buff *skb)
{
	char cut[2] = { 'a', 'b' };

	next = 0;
	COMPARE("abc", "abc");
	COMPARE("abc", "abd");
	COMPARE("abc", "abb");
	COMPARE("ab", "abc");
	COMPARE("abc", "ab");
	COMPARE("\xff", "a");
	COMPARE("", "");
	COMPARE("a\0b", "a");
	NOTE(bpf_strncmp(cut, 2, "abc"));
	NOTE(bpf_strncmp(cut, 1, "abc"));
	return 0;
}

SEC("tc")
int numbers_as_text(struct __sk_buff *skb)
{
	NOTE(BPF_SNPRINTF(text, sizeof(text), "%d %u %x %X %ld %lld %lu %llx %i", -1, -1, 0xabcd, 0xabcd, -2L, -3LL, -1UL,
			  0x123456789abcdefULL, 7));
	return 0;
}

SEC("tc")
int widths(struct __sk_buff *skb)
{
	NOTE(BPF_SNPRINTF(text, sizeof(text), "[%5d][%-5d][%05d][%+d][% d][%-05d][%+05d][%08x][%3s][%-8s][%07s]", -42, -42, -42, 42, 42, 42, 42,
			  0xbeef, (long)word, (long)word, (long)word));
	return 0;
}

SEC("tc")
int characters(struct __sk_buff *skb)
{
	NOTE(BPF_SNPRINTF(text, sizeof(text), "%c%c 100%% [%4c][%-4c] %s;%pks %s", 'a', 'b', 'c', 'd', (long)word, (long)word, 0));
	return 0;
}

SEC("tc")
int addresses(struct __sk_buff *skb)
{
	NOTE(BPF_SNPRINTF(text, sizeof(text), "%pI4 %pi4 %pI6 %pi6 %20pI4 %pI4c %pI4", (long)ipv4, (long)ipv4, (long)ipv6, (long)ipv6, (long)ipv4,
			  (long)ipv4, 0));
	return 0;
}

SEC("tc")
int pointers(struct __sk_buff *skb)
{
	NOTE(BPF_SNPRINTF(text, sizeof(text), "%p %px %px %20px %-20px| %ps %pS %pK", 0, 0, 0x1234, 0x1234, 0x1234, 0x1234, 0x1234, 0));
	return 0;
}

SEC("tc")
int rooms(struct __sk_buff *skb)
{
	next = 0;
	__u64 value = 12345;

	text[3] = text[4] = text[16] = 'x';
	NOTE(bpf_snprintf(text, 4, "%d", &value, sizeof(value)));
	NOTE(bpf_snprintf(text + 8, 6, "%d", &value, sizeof(value)));
	NOTE(bpf_snprintf(text + 16, 1, "%d", &value, sizeof(value)));
	NOTE(bpf_snprintf(0, 0, "%d", &value, sizeof(value)));
	NOTE(bpf_snprintf(text + 24, 8, "none", 0, 0));
	NOTE(bpf_snprintf(text + 32, 8, "more", &value, sizeof(value)));
	NOTE(text[2]);
	NOTE(text[3]);
	NOTE(text[4]);
	NOTE(text[16]);
	NOTE(text[12]);
	return 0;
}

// In the trace log, which is everybody's: only the results are noted, and nothing is written.
SEC("tc")
int refused_formats(struct __sk_buff *skb)
{
	__u64 values[13] = { 1, 2 };

	next = 0;
#define REFUSED(format, size)                                                \
	do {                                                                 \
		char copy[] = format;                                        \
		NOTE(bpf_trace_vprintk(copy, sizeof(copy), values, size));   \
	} while (0)
	REFUSED("%d %d", 8);
	REFUSED("%y", 8);
	REFUSED("%ly", 8);
	REFUSED("%lc", 8);
	REFUSED("%.3d", 8);
	REFUSED("%#x", 8);
	REFUSED("%hd", 8);
	REFUSED("%sx", 8);
	REFUSED("%pz", 8);
	REFUSED("%pI5", 8);
	REFUSED("\001", 8);
	REFUSED("%d", 7);
	REFUSED("%d", 13 * 8);
	REFUSED("%", 8);
	REFUSED("%pksx", 8);
	return 0;
}

SEC("tc")
int traced(struct __sk_buff *skb)
{
	static const char format[] = "helper_programs %s %d\n";
	__u64 values[] = { (long)word, 5 };

	seen[0] = bpf_trace_vprintk(format, sizeof(format), values, sizeof(values));
	return 0;
}

static long on_cpu(void *map, __u32 key, __u32 cpu)
{
	__u64 *value = bpf_map_lookup_percpu_elem(map, &key, cpu);

	return value ? *value : -1;
}

SEC("tc")
int each_cpu(struct __sk_buff *skb)
{
	__u32 cpu = bpf_get_smp_processor_id(), key = 1;
	__u64 value = 7;

	next = 0;
	NOTE(bpf_map_update_elem(&percpu_array, &key, &value, BPF_ANY));
	NOTE(on_cpu(&percpu_array, 1, cpu));
	NOTE(on_cpu(&percpu_array, 1, !cpu));
	NOTE(on_cpu(&percpu_array, 2, cpu));
	NOTE(on_cpu(&percpu_array, 1, 100000));
	NOTE(bpf_map_update_elem(&percpu_hash, &key, &value, BPF_ANY));
	NOTE(on_cpu(&percpu_hash, 1, cpu));
	NOTE(on_cpu(&percpu_hash, 1, !cpu));
	NOTE(on_cpu(&percpu_hash, 2, cpu));
	NOTE(on_cpu(&percpu_hash, 1, -1));
	return 0;
}

SEC("tc")
int who(struct __sk_buff *skb)
{
	__u64 id = bpf_get_current_pid_tgid();
	char name[16] = { 1 };

	next = 0;
	NOTE((__u32)id != 0 && id >> 32 != 0);
	NOTE(bpf_get_current_uid_gid());
	NOTE(bpf_get_current_comm(name, sizeof(name)));
	NOTE(name[0] != 1);
	NOTE(bpf_get_current_cgroup_id() != 0);
	NOTE(bpf_get_current_ancestor_cgroup_id(0));
	NOTE(bpf_get_current_ancestor_cgroup_id(200));
	NOTE(bpf_ktime_get_tai_ns() > 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
