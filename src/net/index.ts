export { type Ack, decodeAck, encodeAck, encodeDone } from './ack.ts';
export {
  type Action,
  type ActionMessage,
  actionParms,
  decodeActionMessage,
  decodeActions,
  encodeActionMessage,
  encodeActions,
} from './action.ts';
export type { ActionAges, ActionParms, BpfAction, GactAction, MirredAction } from './action-options.ts';
export type { ActionStats } from './action-stats.ts';
export { type Address, decodeAddress, encodeAddress } from './address.ts';
export {
  type Attributes,
  decodeAttributes,
  encodeAttribute,
  encodeAttributes,
  listAttributes,
} from './attributes.ts';
export { type Chain, decodeChain, encodeChain } from './chain.ts';
export { formatClassid, parseClassid } from './classid.ts';
export { type BpfFilter, decodeFilter, encodeFilter, type Filter } from './filter.ts';
export { decodeLink, encodeLink, type Link, type LinkStats, type Xdp } from './link.ts';
export { encodeMessage, type NetlinkMessage, splitMessages } from './message.ts';
export { decodeNeighbour, encodeNeighbour, type Neighbour } from './neighbour.ts';
export { clsact, decodeQdisc, encodeQdisc, type Qdisc } from './qdisc.ts';
export { request } from './request.ts';
export { decodeRoute, encodeRoute, type Route } from './route.ts';
export { decodeTcMessage, encodeTcMessage, type TcHook, type TcMessage } from './tcmsg.ts';
