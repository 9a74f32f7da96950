import type { Machine } from '../machine.ts';
import type { BpfMap } from '../maps/map.ts';
import { attachedFunction } from '../progs/attach-target.ts';
import type { BpfProg } from '../progs/prog.ts';

/** The files that the kernel itself puts into the root of a bpffs, with the text of each: what iterators write there on a Linux with CONFIG_BPF_PRELOAD. */
export type Preloaded = Readonly<Record<string, () => string>>;

export function preloadedFiles({ maps, progs }: Machine): Preloaded {
  return {
    'maps.debug': () => table('max_entries', [...maps.values()].map(mapLine)),
    'progs.debug': () => table('attached', [...progs.values()].map(progLine)),
  };
}

/** The head is written with the first line: without any there is nothing. */
function table(column: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `  id name             ${column}\n${lines.join('')}`;
}

function mapLine({ id, attr }: BpfMap): string {
  return `${idAndName(id, attr.name)}${String(attr.maxEntries | 0).padStart(6)}\n`;
}

/** The name is that of its first function, which is not cut, where its types are known. What it extends would come last: there are none of those. */
function progLine(prog: BpfProg): string {
  return `${idAndName(prog.id, functionName(prog) ?? prog.attr.name)} ${attachedFunction(prog) ?? ''} \n`;
}

function idAndName(id: number, name: string): string {
  return `${String(id).padStart(4)} ${name.padEnd(16)}`;
}

function functionName({ attr: { btf, funcInfo } }: BpfProg): string | undefined {
  if (btf === undefined || funcInfo === undefined) return undefined;
  const { buffer, byteOffset } = funcInfo.bytes;
  return btf.btf.type(new DataView(buffer, byteOffset).getUint32(4, true)).name;
}
