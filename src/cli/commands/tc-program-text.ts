import { toHex } from '../../bytes/hex.ts';
import { orUndefined } from '../../loader/calls.ts';
import type { ProgramInfo } from '../../loader/info.ts';
import { openProgram } from '../../loader/program.ts';
import type { BpfAction, BpfFilter } from '../../net/index.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { formatBytecode } from './bytecode.ts';

/** What is wanted beside the ordinary. */
export interface Shown {
  readonly details: boolean;
  /** Counters and ages of actions. */
  readonly stats: boolean;
}

type Dumped = BpfFilter | BpfAction;

/** What the kernel says of the program of a filter or an action; `undefined` for classic ones, and who may not ask. */
export function programOf(kernel: Kernel, dumped: Dumped | undefined): ProgramInfo | undefined {
  const id = dumped?.id;
  if (id === undefined) return undefined;
  return orUndefined(['ENOENT', 'EPERM'], () => {
    using opened = openProgram(kernel, { id });
    return opened.info;
  });
}

/** tc's words for it, each with a blank after it; classic code has none. */
export function programText({ ops, tag }: Dumped, program: ProgramInfo | undefined, { details }: Shown): string {
  if (ops !== undefined) return `bytecode '${formatBytecode(ops)}'`;
  if (program === undefined) return tag === undefined ? '' : `tag ${toHex(tag)} `;
  const { id, name, jitedSize, loadTime, uid, btfId } = program;
  const jited = jitedSize > 0 ? 'jited ' : '';
  const more = details
    ? `load_time ${loadTime} created_by_uid ${uid} ${btfId === undefined ? '' : `btf_id ${btfId} `}`
    : '';
  return `id ${id} name ${name} tag ${program.tag} ${jited}${more}`;
}

export function programJson({ ops }: Dumped, program: ProgramInfo | undefined, { details }: Shown): object {
  return {
    bytecode: ops && { length: ops.length / 8, insns: classicInsns(ops) },
    prog: program && {
      id: program.id,
      name: program.name,
      tag: program.tag,
      jited: program.jitedSize > 0 ? 1 : 0,
      ...(details && { load_time: program.loadTime, created_by_uid: program.uid, btf_id: program.btfId }),
    },
  };
}

function classicInsns(ops: Uint8Array): object[] {
  const view = new DataView(ops.buffer, ops.byteOffset, ops.byteLength);
  return Array.from({ length: Math.floor(ops.length / 8) }, (_, i) => ({
    code: view.getUint16(8 * i, true),
    jt: view.getUint8(8 * i + 2),
    jf: view.getUint8(8 * i + 3),
    k: view.getUint32(8 * i + 4, true),
  }));
}
