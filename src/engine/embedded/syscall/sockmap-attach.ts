import { progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { SockmapLink } from '../links/sockmap-link.ts';
import { SocketMap } from '../maps/socket-map.ts';
import type { Process } from '../process.ts';
import type { BpfProg } from '../progs/prog.ts';
import { type SocketMapPlace, socketMapPlace } from '../sockets/map-programs.ts';
import type { CheckedAttr } from './attr.ts';
import { answerQuery } from './query.ts';

/** BPF_PROG_ATTACH to a map of sockets. */
export function attachToSockmap(process: Process, attr: CheckedAttr<'BPF_PROG_ATTACH'>): number {
  const place = placeOf(attr);
  const prog = progOf(process, attr.attach_bpf_fd, place);
  if (typeof prog === 'number') return prog;
  if (attr.attach_flags !== 0 || attr.replace_bpf_fd !== 0) return -errno.EINVAL;
  const map = mapOf(process, attr.target_fd, -errno.EOPNOTSUPP);
  return typeof map === 'number' ? map : map.programs.attach(place, prog);
}

export function detachFromSockmap(process: Process, attr: CheckedAttr<'BPF_PROG_DETACH'>): number {
  const place = placeOf(attr);
  if (attr.attach_flags !== 0) return -errno.EINVAL;
  const map = mapOf(process, attr.target_fd, -errno.EOPNOTSUPP);
  if (typeof map === 'number') return map;
  const prog = progOf(process, attr.attach_bpf_fd, place);
  return typeof prog === 'number' ? prog : map.programs.detach(place, prog);
}

export function querySockmap(process: Process, attr: CheckedAttr<'BPF_PROG_QUERY'>): number {
  const place = placeOf(attr);
  if (attr.query_flags !== 0) return -errno.EINVAL;
  const map = mapOf(process, attr.target_fd, -errno.EOPNOTSUPP);
  if (typeof map === 'number') return map;
  const refused = map.programs.check(place);
  if (refused !== 0) return refused;
  const prog = map.programs.at(place);
  return answerQuery(attr, prog === undefined ? [] : [prog.id]);
}

/** BPF_LINK_CREATE to a map of sockets: the new fd or -errno. */
export function createSockmapLink(process: Process, attr: CheckedAttr<'BPF_LINK_CREATE'>): number {
  const place = placeOf(attr);
  const prog = progOf(process, attr.prog_fd, place);
  if (typeof prog === 'number') return prog;
  if (attr.flags !== 0) return -errno.EINVAL;
  const map = mapOf(process, attr.target_fd, -errno.EINVAL);
  if (typeof map === 'number') return map;
  const link = new SockmapLink(prog, place);
  const result = link.attach(map);
  if (result === 0) return process.installLink(link);
  link.put();
  return result;
}

function placeOf({ attach_type }: { readonly attach_type: number }): SocketMapPlace {
  return socketMapPlace(attach_type) ?? 'sk_skb_verdict';
}

/** What a program was made for does not matter, as long as it sees the same. */
function progOf(process: Process, fd: number, place: SocketMapPlace): BpfProg | number {
  const prog = process.prog(fd);
  const type = progTypeNumber[place === 'sk_msg_verdict' ? 'sk_msg' : 'sk_skb'];
  return typeof prog === 'number' || prog.attr.type === type ? prog : -errno.EINVAL;
}

/** `other`: what is said of other maps. */
function mapOf(process: Process, fd: number, other: number): SocketMap | number {
  const map = process.map(fd);
  if (typeof map === 'number') return map;
  return map instanceof SocketMap && map.kind !== 'reuseport_sockarray' ? map : other;
}
