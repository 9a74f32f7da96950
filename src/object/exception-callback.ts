import type { Btf } from '../btf/index.ts';

const TAG = 'exception_callback:';

/** By the name of a program, the function that gives its result when it throws (bpf_throw, Linux >= 6.7): a declaration tag says which. */
export function exceptionCallbacks(btf: Btf | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [id] of btf?.records('decl_tag') ?? []) {
    const tag = btf?.type(id);
    if (tag?.kind !== 'decl_tag' || tag.component !== -1 || !tag.name.startsWith(TAG)) continue;
    const program = btf?.type(tag.typeId);
    if (program?.kind === 'func') found.set(program.name, tag.name.slice(TAG.length));
  }
  return found;
}
