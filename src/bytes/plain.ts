/** The same memory as a plain Uint8Array, whatever subclass (Node's Buffer) it came as. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
