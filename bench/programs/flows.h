// A map of flows with what was seen of them.
struct seen {
	__u64 packets, bytes;
};

struct {
	__uint(type, FLOW_MAP);
	__uint(max_entries, 4 * FLOWS);
	__type(key, struct flow);
	__type(value, struct seen);
} flows SEC(".maps");
