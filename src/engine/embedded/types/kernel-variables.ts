import { roundUp } from '../../../bytes/round.ts';
import type { Machine } from '../machine.ts';

/** Bytes. No variable is larger; a BTF that says so is not believed. */
const MAX_SIZE = 65536;

/** The variables that each CPU has: how C declares them, and what is in that of a CPU. What they are for there is nothing of here, but what they say of the CPU is true. */
export const VARIABLES: readonly {
  readonly declaration: string;
  readonly struct?: { readonly name: string; readonly values: (cpu: number) => Readonly<Record<string, number>> };
}[] = [
  { declaration: 'struct rq runqueues', struct: { name: 'rq', values: (cpu) => ({ cpu, online: 1 }) } },
  { declaration: 'int bpf_prog_active' },
];
const BY_NAME = new Map(VARIABLES.map((variable) => [variable.declaration.replace(/.*\W/, ''), variable]));

/** Where programs find variables of the kernel. They are there once somebody asks for them. */
export class KernelVariables {
  readonly #machine: Machine;
  readonly #addresses = new Map<string, number>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Address of the first CPU's, behind which lie those of the others; 0 if the kernel has no such variable, or no memory for it. */
  address(name: string): number {
    const address = this.#addresses.get(name) ?? this.#make(name);
    if (address !== 0) this.#addresses.set(name, address);
    return address;
  }

  *addresses(): Generator<readonly [name: string, address: number]> {
    for (const name of BY_NAME.keys()) {
      const address = this.address(name);
      if (address !== 0) yield [name, address];
    }
  }

  #make(name: string): number {
    const variable = BY_NAME.get(name);
    if (variable === undefined) return 0;
    const { vmlinux, objects, memory, cpus } = this.#machine;
    const { btf } = vmlinux;
    const id = btf.find('var', name);
    const type = id === undefined ? undefined : btf.type(id);
    const bytes = type?.kind === 'var' ? btf.size(type.typeId) : 0;
    if (bytes === 0 || bytes > MAX_SIZE) return 0;
    const size = roundUp(bytes, 8);
    const address = objects.alloc('percpu', size, [], name);
    const { struct } = variable;
    if (address === 0 || struct === undefined) return address;
    const layout = this.#machine.kernelStruct(struct.name);
    for (let cpu = 0; cpu < cpus; cpu++)
      if (layout.size <= size) layout.write(memory, address + size * cpu, struct.values(cpu));
    return address;
  }
}
