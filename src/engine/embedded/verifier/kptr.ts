import { isKernelBtf, pointerTo } from './btf-access.ts';
import { isComposite, structMatches } from './btf-walk.ts';
import type { Env } from './env.ts';
import { structFields } from './local-struct.ts';
import { type Access, checkPointerOffset } from './memory.ts';
import { markPrecise } from './precision.ts';
import type { FieldToVerify } from './program.ts';
import { ALLOC, MAYBE_NULL, NON_OWN_REF, PERCPU, RCU, Reg, TRUSTED, UNTRUSTED } from './reg.ts';
import { kindText } from './type-text.ts';

/** Objects of the kernel that stay as long as a grace period, so that a pointer to them may be read from a map. */
const RCU_PROTECTED: ReadonlySet<string> = new Set([
  'prog_test_ref_kfunc',
  'cgroup',
  'bpf_cpumask',
  'task_struct',
  'bpf_crypto_ctx',
]);

/** A load or store of a pointer that a map's value has. */
export function checkKptrAccess(env: Env, field: FieldToVerify, { write, value, imm, insn }: Access): void {
  const { kptr } = field;
  if (kptr === undefined) env.fail('EINVAL', 'kptr without a type');
  if (insn !== undefined && (insn.opcode & 0xe0) !== 0x60)
    env.fail('EACCES', 'kptr in map can only be accessed using BPF_MEM instruction mode');
  if (write && (kptr.variant === 'ref' || kptr.variant === 'percpu'))
    env.fail('EACCES', 'store to referenced kptr disallowed');
  if (write && kptr.variant === 'uptr') env.fail('EACCES', 'store to uptr disallowed');
  if (!write) {
    if (value < 0) return;
    if (kptr.variant === 'uptr') env.setReg(value, userPointer(env, field));
    else env.setReg(value, pointerTo(env, kptr.btf, kptr.typeId, loadedFlags(env, field)));
    return;
  }
  if (value < 0) {
    if (imm !== 0) env.fail('EACCES', `BPF_ST imm must be 0 when storing to kptr at off=${field.offset}`);
    return;
  }
  const stored = env.reg(value);
  if (stored.isNull) markPrecise(env, value);
  else matchKptr(env, field, stored, value);
}

function userPointer(env: Env, { kptr }: FieldToVerify): Reg {
  const type = kptr?.btf.type(kptr.typeId);
  const memSize = type !== undefined && isComposite(type) ? type.size : 0;
  return Reg.pointer('mem', { flags: MAYBE_NULL, memSize, id: env.newId() });
}

function loadedFlags(env: Env, { kptr }: FieldToVerify): number {
  if (kptr === undefined) return UNTRUSTED;
  const { variant, btf, typeId } = kptr;
  const isKernel = isKernelBtf(env, btf);
  const isSafe = variant === 'percpu' || (variant === 'ref' && (!isKernel || RCU_PROTECTED.has(btf.type(typeId).name)));
  if (!isSafe || !env.inRcuSection) return MAYBE_NULL | UNTRUSTED;
  let flags = MAYBE_NULL | RCU;
  if (variant === 'percpu') flags |= PERCPU;
  else if (!isKernel) flags |= ALLOC;
  if (!isKernel && structFields(env, btf, typeId).some(({ kind }) => kind === 'list_node' || kind === 'rb_node'))
    flags |= NON_OWN_REF;
  return flags;
}

/** The register may be put into the field. */
export function matchKptr(env: Env, { kptr }: FieldToVerify, reg: Reg, regno: number): void {
  if (kptr === undefined) return;
  const { variant, btf, typeId } = kptr;
  let matches = false;
  if (reg.kind === 'btf_id' && reg.btf !== undefined) {
    const isKernel = isKernelBtf(env, reg.btf);
    const allowed = isKernel
      ? MAYBE_NULL | TRUSTED | RCU | (variant === 'unref' ? UNTRUSTED : 0)
      : MAYBE_NULL | ALLOC | (variant === 'percpu' ? PERCPU : 0);
    if ((reg.flags & ~allowed) === 0 && (variant === 'percpu') === reg.has(PERCPU)) {
      checkPointerOffset(env, reg, regno, true);
      matches = structMatches(reg.btf, reg.btfId, reg.off, btf, typeId, variant !== 'unref');
    }
  }
  if (matches) return;
  const has = reg.kind === 'btf_id' && reg.btf !== undefined ? reg.btf.type(reg.btfId).name : '';
  const wanted = btf.type(typeId).name;
  const or = variant === 'unref' ? ` or ${kindText('btf_id', UNTRUSTED)}${wanted}` : '';
  env.fail(
    'EACCES',
    `invalid kptr access, R${regno} type=${kindText(reg.kind, reg.flags)}${has} expected=${kindText('btf_id', 0)}${wanted}${or}`,
  );
}
