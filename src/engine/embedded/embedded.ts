import type { Kernel } from '../../sys/kernel.ts';
import { stopCpus } from './cpus/cpus.ts';
import { createLab, type EmbeddedLab } from './lab.ts';
import { Machine, type MachineOptions } from './machine.ts';
import type { Network } from './net/network.ts';

/** A whole kernel in this process, and what one can do to it. */
export interface EmbeddedKernel extends Disposable {
  /** The system calls of its first process. */
  readonly kernel: Kernel;
  readonly lab: EmbeddedLab;
  /** Bytes of linear memory that maps, programs and packets have now; it does not shrink. */
  readonly memorySize: number;
  /** Another process of the same kernel: its own fds, the same maps, programs, devices and files. */
  openProcess(): Kernel;
}

/**
 * A kernel of its own, with nothing in it: bpffs at /sys/fs/bpf, tracefs at /sys/kernel/tracing, one network namespace with `lo` (more by `lab.createNamespace`). Needs neither
 * root nor Linux. Disposing of it disposes of its processes.
 *
 * Throws SysError ENOMEM where there is no address space for its memory.
 *
 * @example
 * using embedded = createEmbeddedKernel();
 * const map = embedded.kernel.bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: 8, max_entries: 16 });
 */
export function createEmbeddedKernel(options: MachineOptions = {}): EmbeddedKernel {
  const machine = new Machine(options);
  const processes = new Set<Kernel>();
  const openProcess = (network?: Network): Kernel => {
    const process = machine.openProcess(network);
    processes.add(process);
    process.onEnd(() => processes.delete(process));
    return process;
  };
  return {
    kernel: openProcess(),
    lab: createLab(machine, openProcess),
    openProcess: () => openProcess(),
    get memorySize() {
      return machine.memory.size;
    },
    [Symbol.dispose]() {
      for (const process of [...processes]) process[Symbol.dispose]();
      machine.mapTimers.stop();
      stopCpus(machine);
    },
  };
}
