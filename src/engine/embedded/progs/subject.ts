import type { CgroupCall } from '../cgroups/run-hook.ts';
import type { SeqFile } from '../iter/seq-file.ts';
import type { ProbeHit } from '../trace/trace-point.ts';
import type { ReuseportSelection } from './reuseport.ts';
import type { SkLookup } from './sk-lookup.ts';
import type { SkMsg } from './sk-msg.ts';
import type { Skb } from './skb.ts';
import type { XdpBuff } from './xdp-buff.ts';

/** What a program's context describes, beside what of it is in linear memory: a packet, or what helpers need to know of the hook. */
export type Subject = Skb | XdpBuff | CgroupCall | ProbeHit | SkLookup | ReuseportSelection | SkMsg | IterCall;

/** One call of an iterator's program. */
export interface IterCall {
  readonly kind: 'iter';
  /** Address of the struct seq_file that the program is shown. */
  readonly seq: number;
  readonly file: SeqFile;
}
