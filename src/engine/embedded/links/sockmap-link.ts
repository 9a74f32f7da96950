import type { StructValue } from '../../../bytes/struct.ts';
import { attachTypeNumber, linkTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { bpfLinkInfo } from '../../../uapi/info.ts';
import type { SocketMap } from '../maps/socket-map.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { SocketMapPlace } from '../sockets/map-programs.ts';
import { ProgLink } from './link.ts';

/** A program of a map of sockets. It holds the map as an fd does. */
export class SockmapLink extends ProgLink {
  readonly type = linkTypeNumber.sockmap;
  readonly #place: SocketMapPlace;
  #map: SocketMap | undefined;

  constructor(prog: BpfProg, place: SocketMapPlace) {
    super(prog.machine, prog);
    this.#place = place;
  }

  /** 0 or -errno. */
  attach(map: SocketMap): number {
    const result = map.programs.attach(this.#place, this.prog, this);
    if (result === 0) this.#map = map.getUser();
    return result;
  }

  override update(prog: BpfProg, old: BpfProg | undefined): number {
    if (old !== undefined && old !== this.prog) return -errno.EPERM;
    if (prog.attr.type !== this.prog.attr.type) return -errno.EINVAL;
    if (this.#map === undefined) return -errno.ENOLINK;
    this.#map.programs.exchange(this.#place, prog, this);
    this.exchange(prog);
    return 0;
  }

  override detach(): void {
    const map = this.#map;
    this.#map = undefined;
    map?.programs.remove(this.#place);
    map?.putUser();
  }

  override info(): Partial<StructValue<typeof bpfLinkInfo.fields>> {
    return { 'sockmap.map_id': this.#map?.id ?? 0, 'sockmap.attach_type': attachTypeNumber[this.#place] };
  }

  override fdinfo(): readonly (readonly [string, string | number])[] {
    return [
      ['map_id', this.#map?.id ?? 0],
      ['attach_type', attachTypeNumber[this.#place]],
    ];
  }
}
