// Hooks of LSM for the processes of a cgroup. Each program leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

// Later than the headers of libbpf here.
static int (*const get_retval)(void) = (void *)186;
static int (*const set_retval)(int retval) = (void *)187;

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, __u64);
} calls SEC(".maps");

__s64 seen[16];
int refused_family = 2;

SEC("lsm_cgroup/socket_create")
int BPF_PROG(create, int family, int type, int protocol, int kern)
{
	__u64 *count = bpf_get_local_storage(&calls, 0);

	if (family != refused_family)
		return 1;
	seen[0]++;
	seen[1] = type & 15;
	seen[2] = kern;
	seen[3] = get_retval();
	seen[4] = ++*count;
	return 0;
}

SEC("lsm_cgroup/socket_create")
int BPF_PROG(other_error, int family, int type, int protocol, int kern)
{
	if (family != refused_family)
		return 1;
	seen[5] = get_retval();
	seen[6] = set_retval(-13);
	seen[7] = get_retval();
	return 0;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(binds)
{
	return 1;
}

SEC("lsm_cgroup/task_free")
int BPF_PROG(too_free)
{
	return 0;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(too_much)
{
	return 2;
}

char _license[] SEC("license") = "GPL";
