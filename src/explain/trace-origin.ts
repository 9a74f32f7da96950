import { mayBeNull } from './describe.ts';
import { checks, follow, type Story } from './follow.ts';
import type { Path } from './path.ts';
import type { Parts, Traced } from './trace.ts';

/** Helpers after which nothing is known of the packet any more. Source: `bpf_helper_changes_pkt_data` of Linux 6.18. */
const MOVES_PACKET =
  /^bpf_(skb_(pull_data|change_\w+|vlan_(push|pop)|store_bytes|adjust_room)|xdp_adjust_\w+|clone_redirect|l[34]_csum_replace|msg_(push|pop|pull)_data|lwt_\w+|sk_redirect_map|store_hdr_opt|reserve_hdr_opt)$/;

/** Where a register comes from that is not what it should be. */
export function traceOrigin(path: Path, { reg }: Parts): Traced {
  if (reg === undefined) return { clues: [] };
  const story = follow(path, Number(reg), path.end);
  const value = path.valueBefore(path.end, `R${reg}`);
  const asked = story.origin === undefined ? [] : checks(path, Number(reg), story.origin, path.end);
  const clues = inOrder([...story.events, ...asked]);
  const lost = whereLost(path, story);
  if (lost !== undefined) return { clues: inOrder([...clues, lost]) };
  if (value !== undefined && mayBeNull(value.kind)) {
    return {
      clues,
      missing:
        asked.length === 0
          ? `r${reg} is not compared with NULL on this path`
          : `no comparison on this path shows that r${reg} is not NULL`,
    };
  }
  if (value?.range.smin === 0n && value.range.smax === 0n && value.kind === 'scalar' && asked.length > 0)
    return { clues, missing: `this path is the one on which r${reg} is NULL` };
  return { clues };
}

/** A pointer to the packet, and a call after which it is none. */
function whereLost(path: Path, { origin }: Story): { at: number; says: string } | undefined {
  if (origin === undefined || origin < 0) return undefined;
  const was = path.valueAfter(origin, firstName(path, origin))?.kind ?? '';
  if (!/^pkt/.test(was)) return undefined;
  for (let i = path.end - 1; i > origin; i--) {
    const effect = path.effect(i);
    if (effect.kind === 'call' && MOVES_PACKET.test(effect.name))
      return {
        at: i,
        says: `${effect.name}() may move the packet: pointers to it that were taken before are numbers from here on`,
      };
  }
  return undefined;
}

function firstName(path: Path, at: number): string {
  const effect = path.effect(at);
  return 'dst' in effect ? `R${effect.dst}` : 'R0';
}

/** Why a register holds nothing. */
export function traceUnwritten(path: Path, { reg }: Parts): Traced {
  const { events } = follow(path, Number(reg), path.end);
  if (events.length > 0) return { clues: events };
  const missing =
    reg === '0' ? 'nothing on this path sets r0, which the program returns' : `nothing on this path sets r${reg}`;
  return { clues: [], missing };
}

/** Where the result comes from. */
export function traceResult(path: Path, { reg = '0' }: Parts): Traced {
  const story = follow(path, Number(reg), path.end);
  const asked = story.origin === undefined ? [] : checks(path, Number(reg), story.origin, path.end);
  return { clues: inOrder([...story.events, ...asked]) };
}

export function inOrder<T extends { readonly at: number }>(events: readonly T[]): readonly T[] {
  return [...events].sort((a, b) => a.at - b.at);
}
