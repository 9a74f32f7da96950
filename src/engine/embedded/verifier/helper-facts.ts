import type { Insn } from '../../../isa/index.ts';
import { HELPERS, type HelperName } from '../../../uapi/helpers.ts';
import type { Env } from './env.ts';
import type { Kfunc } from './kfunc.ts';
import type { MapToVerify } from './program.ts';
import { helperProto } from './prototypes.ts';

/** Helpers after which pointers into the packet may lead anywhere. */
const CHANGES_PACKET: ReadonlySet<string> = new Set<HelperName>([
  'clone_redirect',
  'l3_csum_replace',
  'l4_csum_replace',
  'lwt_push_encap',
  'lwt_seg6_action',
  'lwt_seg6_adjust_srh',
  'lwt_seg6_store_bytes',
  'msg_pop_data',
  'msg_pull_data',
  'msg_push_data',
  'skb_adjust_room',
  'skb_change_head',
  'skb_change_proto',
  'skb_change_tail',
  'skb_pull_data',
  'skb_store_bytes',
  'skb_vlan_pop',
  'skb_vlan_push',
  'store_hdr_opt',
  'xdp_adjust_head',
  'xdp_adjust_meta',
  'xdp_adjust_tail',
  'tail_call',
]);
const SYNC_CALLBACKS: ReadonlySet<string> = new Set<HelperName>([
  'for_each_map_elem',
  'find_vma',
  'loop',
  'user_ringbuf_drain',
]);
const ACQUIRING: ReadonlySet<string> = new Set<HelperName>([
  'sk_lookup_tcp',
  'sk_lookup_udp',
  'skc_lookup_tcp',
  'ringbuf_reserve',
  'kptr_xchg',
]);
/** The same socket as another kind of pointer. */
const CASTS: ReadonlySet<string> = new Set<HelperName>([
  'tcp_sock',
  'sk_fullsock',
  'skc_to_tcp_sock',
  'skc_to_tcp6_sock',
  'skc_to_udp6_sock',
  'skc_to_mptcp_sock',
  'skc_to_tcp_timewait_sock',
  'skc_to_tcp_request_sock',
]);

export function helperName(id: number): HelperName | undefined {
  return id > 0 ? HELPERS[id] : undefined;
}

/** Arguments of a helper; `undefined` if the program may call none with that number. */
export function argumentCount(env: Env, id: number): number | undefined {
  const name = helperName(id);
  if (name === undefined || !env.allowedHelpers().has(name)) return undefined;
  return helperProto(name, env.program.type, env.program.attachType).args.length;
}

/** Whether the helper may only be called where a program may sleep. */
export function mightSleep(env: Env, id: number): boolean {
  const name = helperName(id);
  return name !== undefined && helperProto(name, env.program.type, env.program.attachType).mightSleep;
}

export function changesPacketData(id: number): boolean {
  const name = helperName(id);
  return name !== undefined && CHANGES_PACKET.has(name);
}

/** Whether the call calls a function of the program before it returns. */
export function syncCallbackCall(insn: Insn, kfunc: Kfunc | undefined): boolean {
  return insn.src === 0 ? SYNC_CALLBACKS.has(helperName(insn.imm) ?? '') : kfunc?.callback === 'sync';
}

/** Whether it has a function called some time. */
export function asyncCallbackCall(insn: Insn, kfunc: Kfunc | undefined): boolean {
  return insn.src === 0 ? helperName(insn.imm) === 'timer_set_callback' : kfunc?.callback === 'async';
}

/** Whether what it returns has to be given back. */
export function acquires(name: HelperName, map: MapToVerify | undefined): boolean {
  return ACQUIRING.has(name) || (name === 'map_lookup_elem' && (map?.type === 'sockmap' || map?.type === 'sockhash'));
}

export function isCast(name: HelperName): boolean {
  return CASTS.has(name);
}
