import { TC_ACT_REDIRECT } from '../../../uapi/bpf.ts';
import { XDP_REDIRECT } from '../../../uapi/xdp.ts';
import { ON_MISS, redirect, redirect_map } from '../helpers/redirect.ts';
import { RedirectMap } from '../maps/redirect-map.ts';
import { BPF_F_INGRESS } from '../progs/frame.ts';
import { SKB_REDIRECT, SKB_REDIRECT_IFINDEX } from '../progs/skb.ts';
import { BY_IFINDEX, XDP_REDIRECT_BY, XDP_REDIRECT_TO } from '../progs/xdp-buff.ts';
import type { Callees } from './emit-call.ts';
import { knownFlags, SKB_TYPES } from './emit-frame-bytes.ts';
import type { FunctionText } from './function-text.ts';
import type { Op } from './graph.ts';
import { CONTEXT } from './registers.ts';

/** Helpers that say where the packet shall go, which is written beside it, with flags that are known; false for another call. `beyond`: calls the helper where there is no packet. */
export function emitRedirect(text: FunctionText, op: Op, callees: Callees, beyond: () => void): boolean {
  const { type } = text.around;
  if (op.imm === redirect_map.id && type === 'xdp') return emitByMap(text, callees, beyond);
  if (op.imm !== redirect.id) return false;
  const flags = knownFlags(text, 2, type === 'xdp' ? 0 : BPF_F_INGRESS);
  if (flags === undefined) return false;
  const ifindex = () => text.read32(1);
  if (type === 'xdp')
    emitResult(text, callees, beyond, (packet) => {
      emitWay(text, packet, [XDP_REDIRECT_BY, BY_IFINDEX], [XDP_REDIRECT_TO, ifindex]);
      text.code.i32(XDP_REDIRECT);
    });
  else if (SKB_TYPES.has(type))
    emitResult(text, callees, beyond, (packet) => {
      emitWay(text, packet, [SKB_REDIRECT, 1 + flags], [SKB_REDIRECT_IFINDEX, ifindex]);
      text.code.i32(TC_ACT_REDIRECT);
    });
  else return false;
  return true;
}

function emitByMap(text: FunctionText, callees: Callees, beyond: () => void): boolean {
  const { code } = text;
  const [first, flags] = [text.value(1), knownFlags(text, 3, ON_MISS)];
  const map = first?.kind === 'const' ? callees.mapAt(first.low) : undefined;
  if (!(map instanceof RedirectMap) || map.taken === 0 || flags === undefined) return false;
  emitResult(text, callees, beyond, (packet) => {
    text.read64(2);
    code.i64(map.attr.maxEntries, 0);
    code.op('i64_lt_u');
    code.block('if', 'i32');
    text.read32(2);
    code.memory('i32_load8_u', map.taken);
    code.op('else');
    code.i32(0);
    code.end();
    code.block('if', 'i32');
    emitWay(text, packet, [XDP_REDIRECT_BY, map.address], [XDP_REDIRECT_TO, () => text.read32(2)]);
    code.i32(XDP_REDIRECT);
    code.op('else');
    code.i32(flags);
    code.end();
  });
  return true;
}

/** `result`: leaves the result on the stack; the packet's address is in a local. */
function emitResult(
  text: FunctionText,
  { registers }: Callees,
  beyond: () => void,
  result: (packet: number) => void,
): void {
  const { code } = text;
  text.withLocal('i32', (packet) => {
    code.i32(registers);
    code.memory('i32_load', CONTEXT, 2);
    code.tee(packet);
    code.block('if', 'i32');
    result(packet);
    code.op('else');
    beyond();
    code.end();
  });
  text.writeAs(0, 'i32', text.resultType, true);
}

/** Writes two words of the packet. */
function emitWay(
  { code }: FunctionText,
  packet: number,
  [by, how]: readonly [offset: number, value: number],
  [to, what]: readonly [offset: number, value: () => void],
): void {
  code.get(packet);
  code.i32(how);
  code.memory('i32_store', by, 2);
  code.get(packet);
  what();
  code.memory('i32_store', to, 2);
}
