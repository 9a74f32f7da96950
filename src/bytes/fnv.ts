/** FNV-1a of bytes, 32 bits, unsigned; `hash`: what went before them. */
export function fnv1a(bytes: Uint8Array, hash = 0x811c9dc5, start = 0, end = bytes.length): number {
  let code = hash;
  for (let at = start; at < end; at++) code = Math.imul(code ^ (bytes[at] ?? 0), 0x01000193);
  return code >>> 0;
}
