/** What the memory of a dynptr is. Those of enum bpf_dynptr_type. */
export type DynptrKind = 'local' | 'ringbuf' | 'skb' | 'xdp' | 'skb_meta' | 'file';

/** Whether it holds a reference, which it has to give back. */
export function isReferenced(kind: DynptrKind): boolean {
  return kind === 'ringbuf' || kind === 'file';
}

/** Whether its bytes are a packet's, where those may move: copies of it know the one that they are of. */
export function isOfPacket(kind: DynptrKind | undefined): boolean {
  return kind === 'skb' || kind === 'xdp' || kind === 'skb_meta';
}
