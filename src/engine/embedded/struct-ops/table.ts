import type { Machine } from '../machine.ts';
import { congestionOps } from './congestion-ops.ts';
import { dummyOps } from './dummy-ops.ts';
import type { StructOpsKind } from './kind.ts';
import { type OpsLayout, opsLayout } from './layout.ts';

/** A kind, as a machine has it. */
export interface KernelOps {
  readonly kind: StructOpsKind;
  readonly layout: OpsLayout;
}

const KINDS: readonly StructOpsKind[] = [congestionOps, dummyOps];

/** By the type of the struct, or of what a map holds, in the kernel's BTF; `undefined`: programs cannot fill it. */
export function opsOfType({ vmlinux }: Machine, id: number, of: 'typeId' | 'valueTypeId'): KernelOps | undefined {
  for (const kind of KINDS) {
    const layout = opsLayout(vmlinux.btf, kind.name);
    if (layout?.[of] === id) return { kind, layout };
  }
  return undefined;
}
