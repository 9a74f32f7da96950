// The types of a "kernel" for core.c: the same names, other layouts.
struct inner { long before; int a; unsigned int b; };
struct moved {
	long long stamp;
	struct inner in;
	int pid;
	unsigned int list[8];
	unsigned long long word : 20, low : 3, high : 5;
	union { struct { unsigned long first; unsigned int second; }; };
	void *pointer;
	unsigned int narrow;
	int only_new;
};
struct grown { long x; };
enum state { STATE_IDLE = 1, STATE_BUSY = 5, STATE_NEW = 7 };

struct moved keep_moved;
struct grown keep_grown;
enum state keep_state;
