import type { Env } from './env.ts';

/** What func_info says by itself: which functions there are, of which types. */
export function checkFuncRecords(env: Env): void {
  const { funcInfo, btf } = env.program;
  for (const [i, { insnOff, typeId }] of funcInfo?.entries() ?? []) {
    const before = funcInfo?.[i - 1]?.insnOff;
    if (before === undefined && insnOff !== 0)
      env.fail('EINVAL', `nonzero insn_off ${insnOff} for the first func info record`);
    if (before !== undefined && insnOff <= before)
      env.fail('EINVAL', `same or smaller insn offset (${insnOff}) than previous func info record (${before})`);
    const type = typeId > 0 && btf !== undefined && typeId < btf.typeCount ? btf.type(typeId) : undefined;
    const id = typeId | 0; // as a signed number
    if (type?.kind !== 'func') env.fail('EINVAL', `invalid type id ${id} in func info`);
  }
}

/** Each function has its record, and starts where that says. */
export function checkFuncInfo(env: Env): void {
  const { funcInfo } = env.program;
  if (funcInfo === undefined) return;
  if (funcInfo.length !== env.subprogs.length)
    env.fail('EINVAL', "number of funcs in func_info doesn't match number of subprogs");
  if (funcInfo.some(({ insnOff }, i) => insnOff !== env.subprog(i).start))
    env.fail('EINVAL', "func_info BTF section doesn't match subprog layout in BPF program");
}

/** Each function begins with a line of its own. */
export function checkLineInfo(env: Env): void {
  const { lineInfo, btf } = env.program;
  if (lineInfo === undefined) return;
  const { subprogs } = env;
  let begun = 0;
  let previous = 0;
  for (const [i, { insnOff, line, fileName }] of lineInfo.entries()) {
    const insn = env.insns[insnOff];
    if ((i > 0 && insnOff <= previous) || insn === undefined) {
      const place = `prev_offset:${previous} prog->len:${env.insns.length}`;
      env.fail('EINVAL', `Invalid line_info[${i}].insn_off:${insnOff} (${place})`);
      continue;
    }
    if (insn.opcode === 0) env.fail('EINVAL', `Invalid insn code at line_info[${i}].insn_off`);
    const strings = btf?.stringsLength ?? 0;
    if (line >= strings || fileName >= strings)
      env.fail('EINVAL', `Invalid line_info[${i}].line_off or .file_name_off`);
    const start = subprogs[begun]?.start;
    if (start === insnOff) begun++;
    else if (start !== undefined && start < insnOff) env.fail('EINVAL', `missing bpf_line_info for func#${begun}`);
    previous = insnOff;
  }
  if (begun < subprogs.length)
    env.fail('EINVAL', `missing bpf_line_info for ${subprogs.length - begun} funcs starting from func#${begun}`);
}
