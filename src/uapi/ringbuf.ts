// What lies in the memory of ring buffers, in both directions. Source: <linux/bpf.h>.

/** Bits of a record's length: it is being written, it was given up. */
export const BPF_RINGBUF_BUSY_BIT = 0x80000000;
export const BPF_RINGBUF_DISCARD_BIT = 0x40000000;
/** Bytes before a record's data: `u32 length` with those bits, and `u32` for the kernel. Records begin on multiples of 8. */
export const BPF_RINGBUF_HDR_SZ = 8;

// Flags of bpf_ringbuf_submit and its kin: whether the other side is woken. Without one the kernel decides.
export const BPF_RB_NO_WAKEUP = 1 << 0;
export const BPF_RB_FORCE_WAKEUP = 1 << 1;
