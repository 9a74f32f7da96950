import { type Btf, CORE_KINDS, type CoreResult, resolveCore } from '../../../btf/index.ts';
import { ObjectError } from '../../../errors.ts';
import { BPF_LD, CLASS_MASK, decodeInsn, INSN_SIZE, patchInsn, poison } from '../../../isa/index.ts';
import { RECORDS, type Records } from './info-records.ts';
import { type Rejection, reject } from './rejection.ts';

/**
 * Applies the relocations that a loader leaves to the kernel, as light skeletons do: `insns` are changed in place. `undefined` if all is well;
 * instructions that the kernel has no answer for are poisoned, and refused where a path leads there.
 */
export function applyCoreRelocations(
  insns: Uint8Array,
  { bytes, count }: Records,
  local: Btf,
  target: Btf,
): Rejection | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = insns.length / INSN_SIZE;
  for (let i = 0; i < count; i++) {
    const word = (index: number) => view.getUint32(RECORDS.core_relos.size * i + 4 * index, true);
    const offset = word(0);
    if (offset % INSN_SIZE !== 0 || offset / INSN_SIZE >= length)
      return reject(`Invalid core_relo[${i}].insn_off:${offset} prog->len:${length}`);
    const answer = answerOf(local, target, i, { typeId: word(1), access: word(2), kind: word(3) });
    if ('errno' in answer) return answer;
    const wrong = apply(insns, offset / INSN_SIZE, i, answer);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/** Struct bpf_core_relo without its place. `access`: an offset of the string section. */
interface CoreRelo {
  readonly typeId: number;
  readonly access: number;
  readonly kind: number;
}

function answerOf(local: Btf, target: Btf, index: number, { typeId, access, kind }: CoreRelo): CoreResult | Rejection {
  if (typeId >= local.typeCount) return reject(`relo #${index}: bad type id ${typeId}`);
  const type = local.type(typeId);
  const name = CORE_KINDS[kind]?.name;
  if (type.name === '' && name !== 'type_id_local') return reject(`target candidate search failed for ${typeId}`);
  const text = access < local.stringsLength ? local.string(access) : '<?>';
  try {
    if (name !== undefined) return resolveCore(local, [target], { kind: name, typeId, access: text });
  } catch (error) {
    if (!(error instanceof ObjectError)) throw error;
  }
  const described = `[${typeId}] ${type.kind.toUpperCase()} ${type.name || '<anon>'}`;
  return reject(`prog '': relo #${index}: parsing ${described} + ${text} failed: -22`);
}

function apply(
  insns: Uint8Array,
  slot: number,
  index: number,
  { value, ...answer }: CoreResult,
): Rejection | undefined {
  const patched = value === undefined ? { kind: 'no size' as const } : patchInsn(insns, slot, { ...answer, value });
  const { opcode, src, dst, off, imm } = decodeInsn(insns, slot);
  const hex = (number: number) => `0x${(number >>> 0).toString(16)}`;
  const prog = `prog '': relo #${index}:`;
  switch (patched.kind) {
    case 'patched':
      return undefined;
    case 'no size':
      poison(insns, slot);
      return undefined;
    case 'mismatch': {
      const found = BigInt.asUintN(patched.form === 'LDIMM64' ? 64 : 32, patched.found);
      const wanted = `exp ${BigInt.asUintN(64, answer.expected ?? 0n)} -> ${BigInt.asUintN(64, value ?? 0n)}`;
      return reject(`${prog} unexpected insn #${slot} (${patched.form}) value: got ${found}, ${wanted}`);
    }
    case 'too large':
      return reject(`${prog} insn #${slot} (LDX/ST/STX) value too big: ${value}`, 'ERANGE');
    case 'no value': {
      if ((opcode & CLASS_MASK) === BPF_LD) return reject(`${prog} insn #${slot} (LDIMM64) has unexpected form`);
      const fields = `code:${hex(opcode)}, src:${hex(src)}, dst:${hex(dst)}, off:${hex(off)}, imm:${hex(imm)}`;
      return reject(`${prog} trying to relocate unrecognized insn #${slot}, ${fields}`);
    }
  }
}
