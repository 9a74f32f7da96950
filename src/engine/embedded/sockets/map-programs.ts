import { type AttachType, attachTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Link } from '../links/link.ts';
import type { BpfProg } from '../progs/prog.ts';

/** Where programs of a map of sockets are asked: how long a message of a stream is, what becomes of what comes, and of what is sent. */
export const SOCKET_MAP_PLACES = [
  'sk_skb_stream_parser',
  'sk_skb_stream_verdict',
  'sk_skb_verdict',
  'sk_msg_verdict',
] as const satisfies readonly AttachType[];
export type SocketMapPlace = (typeof SOCKET_MAP_PLACES)[number];

/** By BPF_* of enum bpf_attach_type. */
export function socketMapPlace(attachType: number): SocketMapPlace | undefined {
  return SOCKET_MAP_PLACES.find((place) => attachTypeNumber[place] === attachType);
}

/** Two programs cannot both decide about what comes. */
const OTHER_VERDICT: Readonly<Partial<Record<SocketMapPlace, SocketMapPlace>>> = {
  sk_skb_stream_verdict: 'sk_skb_verdict',
  sk_skb_verdict: 'sk_skb_stream_verdict',
};

interface Entry {
  readonly prog: BpfProg;
  /** Without one the map holds the program itself. */
  readonly link: Link | undefined;
}

/** The programs of one map of sockets: sockets get them when they are put in. */
export class MapPrograms {
  readonly #entries = new Map<SocketMapPlace, Entry>();

  at(place: SocketMapPlace): BpfProg | undefined {
    return this.#entries.get(place)?.prog;
  }

  /** 0, or -EBUSY: another place excludes this one. */
  check(place: SocketMapPlace): number {
    const other = OTHER_VERDICT[place];
    return other !== undefined && this.#entries.has(other) ? -errno.EBUSY : 0;
  }

  /** Puts a program in the place of another, unless that is a link's. 0 or -errno. */
  attach(place: SocketMapPlace, prog: BpfProg, link?: Link): number {
    const refused = this.#checkFree(place);
    if (refused !== 0) return refused;
    this.#put(place, { prog: link === undefined ? prog.get() : prog, link });
    return 0;
  }

  detach(place: SocketMapPlace, prog: BpfProg): number {
    const refused = this.#checkFree(place);
    if (refused !== 0) return refused;
    if (this.at(place) !== prog) return -errno.ENOENT;
    this.#put(place, undefined);
    return 0;
  }

  /** A link has another program. */
  exchange(place: SocketMapPlace, prog: BpfProg, link: Link): void {
    this.#put(place, { prog, link });
  }
  /** A link leaves. */
  remove(place: SocketMapPlace): void {
    this.#put(place, undefined);
  }

  /** Nobody can reach the map any more. */
  clear(): void {
    for (const place of [...this.#entries.keys()]) this.#put(place, undefined);
  }

  #checkFree(place: SocketMapPlace): number {
    return this.check(place) || (this.#entries.get(place)?.link === undefined ? 0 : -errno.EBUSY);
  }
  #put(place: SocketMapPlace, entry: Entry | undefined): void {
    const old = this.#entries.get(place);
    if (entry === undefined) this.#entries.delete(place);
    else this.#entries.set(place, entry);
    if (old?.link === undefined) old?.prog.put();
  }
}
