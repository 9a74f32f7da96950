/** Programs of a few instructions, as bytes, for tests that need one and not what an object file brings with it. */

/** `struct bpf_insn`: opcode, dst in the low half of a byte and src in the high one, s16 off, s32 imm. */
function insn(code: number, dst: number, src: number, off: number, imm: number): number[] {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, code);
  view.setUint8(1, dst | (src << 4));
  view.setInt16(2, off, true);
  view.setInt32(4, imm, true);
  return [...bytes];
}

const EXIT = insn(0x95, 0, 0, 0, 0);

function program(...insns: number[][]): Uint8Array {
  return Uint8Array.from(insns.flat());
}

/** `return value`. */
export function returning(value: number): Uint8Array {
  return program(insn(0xb7, 0, 0, 0, value), EXIT);
}

/** Returns a register that was never written. */
export function unreadable(): Uint8Array {
  return program(insn(0xbf, 0, 5, 0, 0), EXIT);
}

/** Adds one to the u64 at index 0 of the array map `mapFd`, and returns `value`. */
export function counting(mapFd: number, value: number): Uint8Array {
  return program(
    insn(0x62, 10, 0, -4, 0), //        *(u32 *)(r10 - 4) = 0
    insn(0xbf, 2, 10, 0, 0), //         r2 = r10
    insn(0x07, 2, 0, 0, -4), //         r2 += -4
    insn(0x18, 1, 1, 0, mapFd), //      r1 = map_fd(mapFd) ll
    insn(0x00, 0, 0, 0, 0),
    insn(0x85, 0, 0, 0, 1), //          call bpf_map_lookup_elem
    insn(0x15, 0, 0, 2, 0), //          if r0 == 0 goto +2
    insn(0xb7, 1, 0, 0, 1), //          r1 = 1
    insn(0xdb, 0, 1, 0, 0), //          lock *(u64 *)(r0 + 0) += r1
    insn(0xb7, 0, 0, 0, value), //      r0 = value
    EXIT,
  );
}

/** Writes `hi 7` to the trace log, and returns `value`. */
export function tracing(value: number): Uint8Array {
  return program(
    insn(0x18, 1, 0, 0, 0x25206968), // r1 = "hi %d\0" ll
    insn(0x00, 0, 0, 0, 0x00000064),
    insn(0x7b, 10, 1, -8, 0), //        *(u64 *)(r10 - 8) = r1
    insn(0xbf, 1, 10, 0, 0), //         r1 = r10
    insn(0x07, 1, 0, 0, -8), //         r1 += -8
    insn(0xb7, 2, 0, 0, 6), //          r2 = 6
    insn(0xb7, 3, 0, 0, 7), //          r3 = 7
    insn(0x85, 0, 0, 0, 6), //          call bpf_trace_printk
    insn(0xb7, 0, 0, 0, value), //      r0 = value
    EXIT,
  );
}
