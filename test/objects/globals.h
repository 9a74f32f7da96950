/* Types that an eBPF object (globals.c) and the C programs that use its skeleton share. */
#include <linux/types.h>

typedef __u32 word;
typedef struct {
	int x, y;
} place;
enum shade { SHADE_LIGHT = 1, SHADE_DARK = -1 };
struct flags {
	__u8 a : 3;
	__u8 b : 5;
	__u32 wide : 20;
	__s32 : 4;
	__s32 last : 8;
};
struct tight {
	char c;
	__u64 n;
} __attribute__((packed));
union either {
	__u64 number;
	char text[12];
};
