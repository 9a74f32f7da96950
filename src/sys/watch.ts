import type { Direction } from './lab.ts';

/** A frame that the hooks of a device have seen. */
export interface PacketEvent {
  readonly kind: 'packet';
  readonly device: string;
  readonly ifindex: number;
  /** Of the network namespace, as bpf_get_netns_cookie says. */
  readonly netns: number;
  readonly direction: Direction;
  /** Bytes, from the Ethernet header on. */
  readonly length: number;
  /** TC_ACT_* after all filters, -1 where none had an opinion; TC_ACT_SHOT where the XDP program has let no filter see it. */
  readonly verdict: number;
  /** XDP_*, where the device has an XDP program and the frame came in. */
  readonly xdp?: number | undefined;
}

/** A line of the trace log, without its newline; readers of trace_pipe get it too. */
export interface LogEvent {
  readonly kind: 'log';
  readonly line: string;
}

/** So many events were not kept, because whoever watches does not read as fast as they come. */
export interface LostEvent {
  readonly kind: 'lost';
  readonly count: number;
}

export type KernelEvent = PacketEvent | LogEvent | LostEvent;

/** What a watcher wants to know. */
export interface WatchOptions {
  /** Frames that devices see: of all, or of the one of this name. */
  readonly packets?: boolean | string | undefined;
  /** Lines of the trace log. */
  readonly log?: boolean | undefined;
  /** Ends it, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** A kernel that says what happens in it to whoever asks. */
export interface WatchedKernel {
  /**
   * Events from now on, as they come, until the signal is aborted or the loop is left. Whoever watches holds nobody up: what is not read in time is
   * counted, and told as an event of kind `lost`. Throws BpfError CONNECTION if the kernel ends.
   */
  watch(options: WatchOptions): AsyncGenerator<KernelEvent, void>;
}

/** A kernel in this process that says what happens in it. */
export interface ObservedKernel {
  /** Calls `observer` for each event, at once and within what causes it, until the function that this returns is called. */
  observe(observer: (event: PacketEvent | LogEvent) => void): () => void;
}
