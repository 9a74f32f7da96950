import { roundUp } from '../../../bytes/round.ts';
import type { Machine } from '../machine.ts';
import type { Cgroup } from './cgroup.ts';

/** What programs are shown of a cgroup. */
export interface ShownCgroup {
  /** 0: there is no memory for it. */
  readonly address: number;
  /** The cgroup is gone: whoever has a reference still sees it. */
  readonly end: () => void;
}

/** Puts a struct cgroup into memory, with its name in the file system behind it. `above`: address of that of its parent. */
export function showCgroup(machine: Machine, cgroup: Cgroup, above: number): ShownCgroup {
  const { memory, objects } = machine;
  const [struct, node, state] = (['cgroup', 'kernfs_node', 'cgroup_subsys_state'] as const).map((name) =>
    machine.kernelStruct(name),
  );
  if (struct === undefined || node === undefined || state === undefined) return { address: 0, end: () => undefined };
  const name = new TextEncoder().encode(`${cgroup.name}\0`);
  const nodeAt = roundUp(Math.max(struct.size, 8), 8);
  const nameAt = nodeAt + roundUp(node.size, 8);
  const address = objects.show('cgroup', nameAt + name.length, cgroup);
  if (address !== 0) {
    memory.u8.set(name, address + nameAt);
    struct.write(memory, address, { level: cgroup.level, kn: node.size === 0 ? 0 : address + nodeAt });
    // It begins with its own state.
    if (struct.has('self')) state.write(memory, address, { cgroup: address, parent: above });
    node.write(memory, address + nodeAt, { id: cgroup.id, name: address + nameAt });
  }
  return { address, end: () => objects.put(address, 'cgroup') };
}
