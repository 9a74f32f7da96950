/*
 * The C side of bench/linux.js: the same work with libbpf. Reads `OPERATION COUNT` from standard input, a line each, and answers with the nanoseconds of processor time that it took.
 * argv: the object that writes to a ring buffer, a network device.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { KEYS = 1000, ENTRIES = 1000000, BATCH = 5461 };

static int small, large, writer;
static struct ring_buffer *ring;
static int ifindex;
static unsigned long seen;

/* r0 = 0; exit */
static const struct bpf_insn nothing[] = {{.code = 0xb7}, {.code = 0x95}};

static void check(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static int load(void)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "bench", "GPL", nothing, 2, NULL);

	check(fd >= 0, "load");
	return fd;
}

static int take(void *context, void *data, size_t size)
{
	seen += size + *(unsigned char *)data;
	return 0;
}

static void fill(int map, unsigned int entries)
{
	for (unsigned int key = 0; key < entries; key++) {
		unsigned long value = key;

		check(!bpf_map_update_elem(map, &key, &value, 0), "fill");
	}
}

static void lookup(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		unsigned int key = i % KEYS;
		unsigned long value;

		check(!bpf_map_lookup_elem(small, &key, &value), "lookup");
	}
}

static void update(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		unsigned int key = i % KEYS;
		unsigned long value = i;

		check(!bpf_map_update_elem(small, &key, &value, 0), "update");
	}
}

static void dump(unsigned int count)
{
	static unsigned int keys[BATCH];
	static unsigned long values[BATCH];
	unsigned int place, total = 0, n;
	void *from = NULL;
	int err;

	do {
		n = BATCH;
		err = bpf_map_lookup_batch(large, from, &place, keys, values, &n, NULL);
		check(!err || errno == ENOENT, "dump");
		from = &place;
		total += n;
		for (unsigned int i = 0; i < n; i++)
			seen += keys[i] + values[i];
	} while (!err);
	check(total == count, "dump all");
}

/* Writes events; what is measured is reading them. */
static void produce(unsigned int count)
{
	unsigned char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet), .repeat = count);

	check(!bpf_prog_test_run_opts(writer, &opts), "test run");
}

static void consume(unsigned int count)
{
	check(ring_buffer__consume(ring) == (int)(count / 10 * 9), "consume all");
}

static void attach(unsigned int count)
{
	int prog = load();

	for (unsigned int i = 0; i < count; i++) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
		LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1, .prog_fd = prog);

		check(!bpf_tc_attach(&hook, &opts), "attach");
		opts.prog_fd = opts.prog_id = opts.flags = 0;
		check(!bpf_tc_detach(&hook, &opts), "detach");
	}
	close(prog);
}

static void loads(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		close(load());
}

static void setup(const char *object, const char *device)
{
	struct bpf_object *obj = bpf_object__open_file(object, NULL);

	check(obj && !bpf_object__load(obj), "object");
	writer = bpf_program__fd(bpf_object__find_program_by_name(obj, "write_event"));
	ring = ring_buffer__new(bpf_object__find_map_fd_by_name(obj, "events"), take, NULL, NULL);
	small = bpf_map_create(BPF_MAP_TYPE_HASH, "bench_c", 4, 8, KEYS, NULL);
	large = bpf_map_create(BPF_MAP_TYPE_HASH, "bench_c", 4, 8, ENTRIES, NULL);
	ifindex = if_nametoindex(device);
	check(ring && small >= 0 && large >= 0 && ifindex, "setup");
	fill(small, KEYS);
	fill(large, ENTRIES);
}

static const struct {
	const char *name;
	void (*run)(unsigned int count);
} operations[] = {
	{"lookup", lookup}, {"update", update}, {"dump", dump}, {"ring", consume}, {"attach", attach}, {"load", loads},
};

int main(int argc, char **argv)
{
	char name[16];
	unsigned int count;

	check(argc == 3, "argv");
	setup(argv[1], argv[2]);
	while (scanf("%15s %u", name, &count) == 2) {
		struct timespec from, to;

		for (unsigned int i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
			if (strcmp(name, operations[i].name))
				continue;
			if (operations[i].run == consume)
				produce(count);
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
			operations[i].run(count);
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
			printf("%ld\n", (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec);
			fflush(stdout);
		}
	}
	return 0;
}
