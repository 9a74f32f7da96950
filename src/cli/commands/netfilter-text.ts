/** NFPROTO_* and NF_INET_*, as bpftool spells them. */
const FAMILIES: Readonly<Record<number, string>> = {
  1: 'inet',
  2: 'ip',
  3: 'arp',
  5: 'netdev',
  7: 'bridge',
  10: 'ip6',
};
const HOOKS: readonly string[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];

/** `ip input`. */
export function netfilterPlace(pf: number, hook: number): string {
  return `${FAMILIES[pf] ?? `pf: ${pf}`} ${HOOKS[hook] ?? `hook ${hook}`}`;
}
