import type { SavedSyn } from './saved-syn.ts';

/** What programs of sock_ops see of a segment. */
export interface ShownSegment {
  /** From the TCP header on. */
  readonly bytes: Uint8Array;
  /** How many of them are shown: the header. What is stored goes behind them. */
  end: number;
  /** All bytes that it has by now. */
  readonly length: number;
  /** FIN, SYN, RST, PSH, ACK. */
  readonly flags: number;
}

/** A call of programs of sock_ops: what it is about, and what they do beside their reply. */
export interface SockOpsCall {
  /** BPF_SOCK_OPS_*. */
  readonly op: number;
  readonly args?: readonly number[];
  readonly segment?: ShownSegment | undefined;
  /** Of an answer to a SYN: that. */
  readonly syn?: SavedSyn | undefined;
  /** Bytes of options that they may still reserve, or store. */
  room?: number | undefined;
}
