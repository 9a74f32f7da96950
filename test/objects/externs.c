// What an object leaves to the kernel: options, variables, functions.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool LINUX_HAS_BPF_COOKIE __kconfig __weak;
extern int CONFIG_HZ __kconfig;
extern _Bool CONFIG_BPF_SYSCALL __kconfig;
extern enum libbpf_tristate CONFIG_NET_CLS_BPF __kconfig __weak;
extern char CONFIG_DEFAULT_HOSTNAME[8] __kconfig __weak;
extern unsigned long CONFIG_SKEP_NUMBER __kconfig __weak;
extern char CONFIG_SKEP_LETTER __kconfig __weak;

extern const void skep_absent __ksym __weak;
extern void skep_absent_function(int) __ksym __weak;
struct skep_absent_type { int x; };
extern const struct skep_absent_type skep_absent_variable __ksym __weak;

struct {
	int version;
	int hz;
	enum libbpf_tristate cls;
	_Bool bpf;
	_Bool cookie;
	char letter;
	char hostname[8];
	unsigned long number;
	unsigned long absent;
	unsigned long absent_variable;
	int called;
} seen;

SEC("tc")
int options(struct __sk_buff *skb)
{
	seen.version = LINUX_KERNEL_VERSION;
	seen.cookie = LINUX_HAS_BPF_COOKIE;
	seen.hz = CONFIG_HZ;
	seen.bpf = CONFIG_BPF_SYSCALL;
	seen.cls = CONFIG_NET_CLS_BPF;
	seen.letter = CONFIG_SKEP_LETTER;
	seen.number = CONFIG_SKEP_NUMBER;
	__builtin_memcpy(seen.hostname, CONFIG_DEFAULT_HOSTNAME, 8);
	return TC_ACT_OK;
}

SEC("tc")
int absent(struct __sk_buff *skb)
{
	seen.absent = (unsigned long)&skep_absent;
	seen.absent_variable = (unsigned long)&skep_absent_variable;
	if (skep_absent_function) {
		skep_absent_function(1);
		seen.called = 1;
	}
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
