import { SysError } from '../errors.ts';
import type { ObjectSpec } from '../object/spec.ts';
import type { MappingAccess } from '../sys/kernel.ts';
import { BPF_F_MMAPABLE } from '../uapi/bpf.ts';
import { errno } from '../uapi/errno.ts';
import { createGlobals, type Globals, type GlobalVariable, globalVariables, type VariableStore } from './globals.ts';
import type { BpfMap } from './map.ts';
import { loadBytes, type MappedArray, storeBytes } from './mapped-array.ts';

/** An object's variables in shared memory, until it is closed; then they throw SysError EBADF. */
export interface MappedGlobals<G = Globals> extends Disposable {
  readonly globals: G;
  close(): void;
}

/** Maps the sections that can be mapped; the variables of the others are read and written through `store`. All of them or none. */
export function mmapGlobals(spec: ObjectSpec, map: (name: string) => BpfMap, store: VariableStore): MappedGlobals {
  const sections = new Map<string, MappedArray>();
  const close = () => {
    for (const section of sections.values()) section.close();
  };
  try {
    for (const name of new Set(globalVariables(spec).map((variable) => variable.map))) {
      const { info } = map(name);
      // Those of an arena are memory in any case.
      if (info.type === 'array' && (info.flags & BPF_F_MMAPABLE) !== 0)
        sections.set(name, map(name).mmap(access(info.frozen)));
    }
  } catch (error) {
    close();
    throw error;
  }
  const globals = createGlobals(spec, {
    read(variable) {
      const section = sections.get(variable.map);
      return section === undefined ? store.read(variable) : loadBytes(open(section), variable.offset, variable.size);
    },
    write(variable, bytes) {
      const section = sections.get(variable.map);
      if (section === undefined) store.write(variable, bytes);
      else storeBytes(writable(section, variable), variable.offset, bytes);
    },
  });
  return { globals, close, [Symbol.dispose]: close };
}

function access(frozen: boolean): MappingAccess {
  return frozen ? 'read' : 'read and write';
}

function open({ bytes, map }: MappedArray): Uint8Array {
  if (bytes.length > 0) return bytes;
  throw new SysError(errno.EBADF, 'mmap', { what: `of ${map.label}`, detail: 'the mapping is closed' });
}

/** The kernel answers a system call that changes a frozen map in the same way; memory does not answer, it ends the process. */
function writable(section: MappedArray, { name }: GlobalVariable): Uint8Array {
  if (section.access === 'read and write') return open(section);
  throw new SysError(errno.EPERM, 'write', { what: `to ${name}`, detail: `${section.map.label} is frozen` });
}
