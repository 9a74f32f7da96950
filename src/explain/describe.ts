import { rangeText, type Value } from './state.ts';

/** What a pointer of a kind points to, in words. The verifier's names are those of kernel's log: reg_type_str of Linux. */
// biome-ignore format: aligned table
const NOUNS: Readonly<Record<string, string>> = {
  ctx:             "the program's context",
  map_ptr:         'a map (not one of its values)',
  map_value:       'a value of a map',
  map_key:         'a key of a map',
  pkt:             'packet data',
  pkt_meta:        "the packet's metadata",
  pkt_end:         'the end of the packet',
  flow_keys:       'the flow keys',
  fp:              'the stack',
  mem:             'memory of a known size',
  ringbuf_mem:     'a record of a ring buffer',
  alloc_mem:       'a record of a ring buffer',
  buf:             'a buffer of the kernel',
  tp_buffer:       'the arguments of a tracepoint',
  sock:            'a socket',
  sock_common:     'a socket',
  tcp_sock:        'a TCP socket',
  xdp_sock:        'an AF_XDP socket',
  dynptr_ptr:      'a dynptr',
  arena:           'an arena',
  func:            'a function',
  iter:            'an iterator',
  insn:            'an instruction',
};

/** What is said of a pointer besides what it points to. The log joins them to the kind by `_`. */
const FLAGS: readonly (readonly [prefix: string, text: string])[] = [
  ['rdonly_', 'read-only'],
  ['trusted_', 'trusted'],
  ['untrusted_', 'untrusted'],
  ['percpu_', 'per-CPU'],
  ['rcu_', 'RCU-protected'],
  ['user_', 'user-space'],
  ['ringbuf_', 'ring buffer'],
];

/** Whether a kind of the log is of a pointer that may be NULL. */
export function mayBeNull(kind: string): boolean {
  return /_or_null(?:_|$)/.test(kind);
}

/** `map_value_or_null`: `a pointer to a value of a map, or NULL`. `scalar`: `a number`. */
export function kindText(kind: string, { map, type }: { readonly map?: string; readonly type?: string } = {}): string {
  const base = kind.replace(/_or_null/, '');
  if (base === 'scalar' || base === 'inv' || base === 'unknown value') return 'a number';
  if (base === 'pkt_end') return 'a pointer to the end of the packet';
  const target = type ?? targetText(base, map);
  return `a pointer to ${target}${mayBeNull(kind) ? ', or NULL' : ''}`;
}

function targetText(base: string, map: string | undefined): string {
  if (map !== undefined && /^map_(value|key)$/.test(base)) return `a ${base.slice(4)} of map ${map}`;
  if (map !== undefined && base === 'map_ptr') return `map ${map} itself (not one of its values)`;
  const known = NOUNS[base];
  if (known !== undefined) return known;
  const flag = FLAGS.find(([prefix]) => base.startsWith(prefix));
  if (flag !== undefined && base.length > flag[0].length) {
    const inner = targetText(base.slice(flag[0].length), map);
    return `${inner.startsWith('a ') ? `a${/^[aeiou]/.test(flag[1]) ? 'n' : ''} ` : ''}${flag[1]} ${inner.replace(/^an? /, '')}`;
  }
  const struct = /^ptr_(\w*)$/.exec(base)?.[1];
  if (struct !== undefined) return struct === '' ? 'an object of the kernel' : `a struct ${struct} of the kernel`;
  return base.replaceAll('_', ' ');
}

/** `a pointer to packet data, of which 14 bytes are checked`; `a number, 0 to 255`. */
export function valueText(value: Value): string {
  const { kind, facts, range, text } = value;
  if (kind === 'scalar') {
    const exact = range.smin !== undefined && range.smin === range.smax;
    return exact ? `the number ${range.smin}` : `a number: ${rangeText(range)}`;
  }
  if (kind === 'fp')
    return text === 'fp0'
      ? 'the frame pointer'
      : text === 'fp' || text.startsWith('fp(')
        ? 'a pointer into the stack'
        : `a pointer to the stack (${text.replace(/\(.*/, '')})`;
  if (kind === 'bytes') return 'bytes on the stack';
  const map = facts.get('map');
  const parts = [kindText(kind, map === undefined ? {} : { map })];
  const size = facts.get('vs') ?? facts.get('sz') ?? facts.get('mem_size');
  if (/map_value|mem/.test(kind) && size !== undefined) parts.push(`${size} bytes long`);
  const offset = offsetText(value);
  if (offset !== undefined) parts.push(`moved by ${offset} bytes`);
  if (/^pkt/.test(kind) && kind !== 'pkt_end') {
    const checked = facts.get('r') ?? '0';
    parts.push(checked === '0' ? 'of which nothing is checked yet' : `of which ${checked} bytes are checked`);
  }
  return parts.join(', ');
}

/** How far a pointer was moved; `undefined`: not at all. */
export function offsetText({ facts, range }: Value): string | undefined {
  const fixed = BigInt(/^-?\d+$/.test(facts.get('off') ?? '') ? (facts.get('off') ?? 0) : 0);
  const known =
    facts.has('smax') || facts.has('umax') || facts.has('smin') || facts.has('umin') || facts.has('var_off');
  if (!known && (facts.get('imm') ?? '0') === '0') return fixed === 0n ? undefined : `${fixed}`;
  const { smin, smax } = range;
  if (smin === undefined || smax === undefined)
    return fixed === 0n ? rangeText(range) : `${fixed} and ${rangeText(range)}`;
  return smin === smax ? `${fixed + smin}` : `${fixed + smin} to ${fixed + smax}`;
}
