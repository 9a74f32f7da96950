import type { Btf } from '../../../btf/index.ts';
import type { FuncInfo } from './program.ts';

/**
 * Where the function starts that gives the result after bpf_throw: the declaration tag `exception_callback:NAME` of the main function names it. `undefined` if there is
 * no such tag; a text says what is wrong with it.
 */
export function exceptionCallback(
  btf: Btf | undefined,
  funcInfo: readonly FuncInfo[] | undefined,
): number | string | undefined {
  const main = funcInfo?.[0];
  if (btf === undefined || funcInfo === undefined || main === undefined) return undefined;
  let found: string | undefined;
  for (const [id] of btf.records('decl_tag')) {
    const tag = btf.type(id);
    if (tag.kind !== 'decl_tag' || tag.typeId !== main.typeId || tag.component !== -1) continue;
    if (!tag.name.startsWith('exception_callback:')) continue;
    if (found !== undefined) return 'multiple exception callback tags for main subprog';
    found = tag.name.slice('exception_callback:'.length);
  }
  if (found === undefined) return undefined;
  const index = funcInfo.findIndex(({ typeId }) => {
    const type = typeId < btf.typeCount ? btf.type(typeId) : undefined;
    return type?.kind === 'func' && type.name === found && type.linkage === 1;
  });
  const info = funcInfo[index];
  if (info === undefined) return `exception callback '${found}' could not be found in BTF`;
  return index === 0 ? 'exception callback cannot be main' : info.insnOff;
}
