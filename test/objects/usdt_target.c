// A program with USDT probes, which the tests compile for this machine: `usdt_target ROUNDS` passes them so often, after a line on its standard input.
#include <stdio.h>
#include <stdlib.h>

// The note that <sys/sdt.h> makes, by hand: that header is rarely installed. Owner's name, three addresses, provider, probe, arguments.
#define PROBE(name, semaphore, args, ...)                                                          \
	__asm__ volatile("990: nop\n"                                                              \
			 ".pushsection .note.stapsdt,\"\",\"note\"\n"                              \
			 ".balign 4\n"                                                             \
			 ".4byte 992f-991f, 994f-993f, 3\n"                                        \
			 "991: .asciz \"stapsdt\"\n"                                               \
			 "992: .balign 4\n"                                                        \
			 "993: .8byte 990b, _.stapsdt.base, " semaphore "\n"                       \
			 ".asciz \"skep\"\n"                                                       \
			 ".asciz \"" name "\"\n"                                                   \
			 ".asciz \"" args "\"\n"                                                   \
			 "994: .balign 4\n"                                                        \
			 ".popsection\n"                                                           \
			 ".ifndef _.stapsdt.base\n"                                                \
			 ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"   \
			 ".weak _.stapsdt.base\n"                                                  \
			 ".hidden _.stapsdt.base\n"                                                \
			 "_.stapsdt.base: .space 1\n"                                              \
			 ".popsection\n"                                                           \
			 ".endif\n" ::__VA_ARGS__)

/* Others raise it while they watch. */
__attribute__((section(".probes"), visibility("hidden"), used)) volatile unsigned short watched;

struct {
	int narrow;
	long wide;
} values = { -7, 1L << 40 };

static inline __attribute__((always_inline)) void step(int round)
{
	PROBE("step", "0", "-4@%[a] 8@%[b] -8@%[c] 1@%[d]", [a] "r"(values.narrow), [b] "r"(values.wide), [c] "i"(-9),
	      [d] "r"(round));
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 0, held = 0;
	long local[2] = { 21, 4711 };

	puts("ready");
	fflush(stdout);
	getchar();
	for (int i = 1; i <= rounds; i++) {
		held += watched;
		step(i);
		PROBE("counted", "watched", "-8@%[a]", [a] "m"(local[1]));
		step(i + 256);
	}
	printf("%d\n", held);
	return 0;
}
