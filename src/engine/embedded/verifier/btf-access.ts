import type { Btf } from '../../../btf/index.ts';
import { accessStruct, sameType, skipModifiers } from './btf-walk.ts';
import type { Env } from './env.ts';
import { structFields } from './local-struct.ts';
import { fieldName } from './memory.ts';
import { ALLOC, MAYBE_NULL, NON_OWN_REF, PERCPU, RCU, RDONLY, Reg, TRUSTED, UNKNOWN, UNTRUSTED, USER } from './reg.ts';
import { isWritableMember } from './struct-ops.ts';
import { formatTnum } from './tnum.ts';

/** Members that keep what they point to alive as long as the struct is: by struct. Source: the kernel's lists of safe types. */
// biome-ignore format: aligned tables
const SAFE_RCU: Readonly<Record<string, readonly string[]>> = {
  task_struct: ['cpus_ptr', 'cgroups', 'real_parent', 'group_leader'], cgroup: ['kn'], css_set: ['dfl_cgrp'], cgroup_subsys_state: ['cgroup'],
};
const SAFE_RCU_OR_NULL: Readonly<Record<string, readonly string[]>> = {
  mm_struct: ['exe_file'],
  sk_buff: ['sk'],
  request_sock: ['sk'],
};
const SAFE_TRUSTED: Readonly<Record<string, readonly string[]>> = {
  bpf_iter_meta: ['seq'],
  bpf_iter__task: ['meta', 'task'],
  linux_binprm: ['file'],
  file: ['f_inode'],
};
const SAFE_TRUSTED_OR_NULL: Readonly<Record<string, readonly string[]>> = {
  socket: ['sk'],
  dentry: ['d_inode'],
  vm_area_struct: ['vm_mm', 'vm_file'],
};

/** Whether the pointer surely leads to an object as long as the program runs. */
export function isTrusted(reg: Reg): boolean {
  if (reg.refObjId !== 0) return true;
  const unsafe = (reg.flags & ~(TRUSTED | ALLOC | NON_OWN_REF)) !== 0;
  if ((reg.isSocket && reg.kind !== 'xdp_sock') || reg.kind === 'map_ptr') return !unsafe;
  return (reg.flags & (TRUSTED | ALLOC | NON_OWN_REF)) !== 0 && !unsafe;
}

/** A load or store through a pointer to a struct of the kernel, or of the program. `value` -1: nothing is loaded. */
export function checkPointerMember(
  env: Env,
  regno: number,
  offset: number,
  size: number,
  write: boolean,
  value: number,
): void {
  const reg = env.reg(regno);
  const { btf, btfId } = reg;
  if (btf === undefined) env.fail('EFAULT', `R${regno} has no type`);
  const name = btf.type(btfId).name;
  const isKernel = isKernelBtf(env, btf);
  if (!env.program.gpl && isKernel)
    env.fail('EINVAL', `Cannot access kernel 'struct ${name}' from non-GPL compatible program`);
  if (offset < 0) env.fail('EACCES', `R${regno} is ptr_${name} invalid negative access: off=${offset}`);
  if (!reg.num.isZero)
    env.fail(
      'EACCES',
      `R${regno} is ptr_${name} invalid variable offset: off=${offset}, var_off=${formatTnum(reg.num.tnum)}`,
    );
  if (reg.has(USER)) env.fail('EACCES', `R${regno} is ptr_${name} access user memory: off=${offset}`);
  if (reg.has(PERCPU)) env.fail('EACCES', `R${regno} is ptr_${name} access percpu memory: off=${offset}`);
  if (write && reg.has(UNTRUSTED)) env.fail('EACCES', 'only read is supported');
  if (write && !reg.has(ALLOC) && writableMember(env, name, offset, size)) return;
  if (write && !reg.isAllocated) env.fail('EACCES', 'only read is supported');
  if (reg.has(ALLOC)) checkLocalFields(env, btf, btfId, offset, size);
  const found = accessStruct(btf, btfId, offset, size);
  if (found.kind === 'error') env.fail(found.code, found.message);
  switch (found.kind) {
    case 'untrusted':
      if (!write && value >= 0) env.setReg(value, Reg.pointer('mem', { flags: RDONLY | UNTRUSTED }));
      return;
    case 'pointer':
      if (reg.has(ALLOC)) break;
      if (!write && value >= 0) {
        const flags = loadedFlags(env, reg, name, found.flags, found.field);
        env.setReg(value, pointerTo(env, btf, found.typeId, flags));
      }
      return;
    default:
  }
  if (!write && value >= 0) env.setReg(value, UNKNOWN);
}

/** A register that was loaded with a pointer to a struct. */
export function pointerTo(env: Env, btf: Btf, btfId: number, flags: number): Reg {
  return Reg.pointer('btf_id', { btf, btfId, flags, id: (flags & MAYBE_NULL) === 0 ? 0 : env.newId() });
}

export function isKernelBtf(env: Env, btf: Btf): boolean {
  return btf !== env.program.btf;
}

/** How far a pointer can be trusted that a member has. */
function loadedFlags(env: Env, from: Reg, struct: string, tagged: number, field: string): number {
  if (from.has(UNTRUSTED)) return UNTRUSTED;
  if (!isTrusted(from) && !from.has(RCU)) return tagged & ~(TRUSTED | ALLOC | NON_OWN_REF | RCU);
  const safe = (table: Readonly<Record<string, readonly string[]>>) => table[struct]?.includes(field) === true;
  if (safe(SAFE_TRUSTED)) return tagged | TRUSTED;
  if (safe(SAFE_TRUSTED_OR_NULL)) return tagged | TRUSTED | MAYBE_NULL;
  if (!env.inRcuSection || from.mayBeNull) return UNTRUSTED;
  if (safe(SAFE_RCU)) return tagged | RCU;
  if ((tagged & RCU) !== 0 || safe(SAFE_RCU_OR_NULL)) {
    const flags = tagged | RCU | MAYBE_NULL;
    return safe(SAFE_RCU_OR_NULL) ? flags & ~UNTRUSTED : flags;
  }
  if ((tagged & (PERCPU | USER)) !== 0) return tagged;
  return tagged & ~(TRUSTED | ALLOC | NON_OWN_REF | RCU);
}

/** What only helpers may touch in an object of the program. */
function checkLocalFields(env: Env, btf: Btf, typeId: number, offset: number, size: number): void {
  for (const field of structFields(env, btf, typeId)) {
    if (offset < field.offset + field.size && field.offset < offset + size)
      env.fail('EACCES', `direct access to ${fieldName(field)} is disallowed`);
  }
}

/** Members of the kernel's structs that programs of some types may write. */
function writableMember(env: Env, struct: string, offset: number, size: number): boolean {
  return env.program.type === 'struct_ops' && isWritableMember(env, struct, offset, size);
}

/** Whether types of two BTFs are the same one. */
export { sameType, skipModifiers };
