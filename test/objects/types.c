// One variable of every shape, for typed reading and writing.
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

enum color { RED = 1, GREEN = 2, BLUE = -3 };
enum big { SMALL = 1, LARGE = 0x100000000ULL };
struct point { __s32 x, y; };
struct shape {
	enum color color;
	struct point at[2];
	union {
		__u32 number;
		__u8 bytes[4];
	};
	__u32 low : 3;
	__s32 high : 5;
	char name[8];
	void *next;
};

__u8 u8v = 200;
__s8 s8v = -5;
__u16 u16v = 65535;
__s64 s64v = -1;
__u64 u64v = 0xffffffffffffffffULL;
bool flag = true;
enum color color = GREEN;
enum big big = LARGE;
char text[12] = "hello";
char raw[4] = { 1, 2, 3, 4 };
__u32 numbers[3] = { 7, 8, 9 };
struct shape shape = { .color = BLUE, .at = { { 1, -2 }, { 3, 4 } }, .number = 0x01020304, .low = 5, .high = -9, .name = "cube" };
static volatile const __u32 hidden = 42;

SEC("tc")
int use(struct __sk_buff *skb)
{
	return u8v + s8v + u16v + (int)s64v + (int)u64v + flag + color + (int)big + text[0] + raw[0] + numbers[1] + shape.low + hidden;
}

char _license[] SEC("license") = "GPL";
