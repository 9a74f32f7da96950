/** BPF_TCP_*: as `state` of struct bpf_sock. */
// biome-ignore format: aligned table
export const TCP_STATES = {
  established: 1, syn_sent: 2, syn_recv: 3, fin_wait1: 4, fin_wait2: 5, time_wait: 6, close: 7, close_wait: 8, last_ack: 9, listen: 10, closing: 11,
} as const;
/** Somebody has asked for it, and there is no socket yet. */
export const TCP_NEW_SYN_RECV = 12;
export type TcpState = keyof typeof TCP_STATES;

/** States in which there is data to be sent or acknowledged. */
const SYNCHRONIZED: ReadonlySet<TcpState> = new Set([
  'established',
  'fin_wait1',
  'fin_wait2',
  'close_wait',
  'last_ack',
  'closing',
  'time_wait',
]);
export function isSynchronized(state: TcpState): boolean {
  return SYNCHRONIZED.has(state);
}

/** Where one that has sent its FIN goes on to once that is acknowledged. */
export const FIN_ACKNOWLEDGED: Readonly<Partial<Record<TcpState, TcpState>>> = {
  fin_wait1: 'fin_wait2',
  closing: 'time_wait',
  last_ack: 'close',
};
/** And where the other end's FIN leads. */
export const FIN_RECEIVED: Readonly<Partial<Record<TcpState, TcpState>>> = {
  established: 'close_wait',
  fin_wait1: 'closing',
  fin_wait2: 'time_wait',
};

/** As struct bpf_sock_ops and struct bpf_tcp_sock have them. */
export interface TcpFigures {
  readonly rcv_nxt: number;
  readonly snd_nxt: number;
  readonly snd_una: number;
  readonly mss_cache: number;
  readonly snd_cwnd: number;
  /** Eight times the smoothed round trip time: microseconds. */
  readonly srtt_us: number;
}
