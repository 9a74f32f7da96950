import fc from 'fast-check';
import { S_IFDIR, S_IFMT } from '../../src/sys/kernel.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { outcome, type Session, u64 } from '../contract/session.ts';

/** Pins are made here, and all are gone at the end. */
const DIRECTORY = '/sys/fs/bpf/differential';
const NAMES = ['a', 'b', 'd', 'd/a', 'd/e', 'none/a', ''] as const;
/** The loopback device, and one that is not there. */
const [LO, NO_DEVICE] = [1, 9999];
const [TCX_INGRESS, TCX_EGRESS] = [46, 47];
/** An fd that leads to nothing. */
const NOWHERE = 9999 as Fd; // no call made it: that is what it is for

const mostly = <T>(usual: fc.Arbitrary<T>, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom(...others) });
const slot = fc.nat(3);
const name = fc.constantFrom(...NAMES);
const operation = fc.record({
  // biome-ignore format: by what they are about
  op: fc.constantFrom(
    'map', 'map', 'program', 'program', 'link', 'link', 'close',
    'pin', 'pin', 'get', 'get', 'unlink', 'mkdir', 'rmdir', 'rename', 'symlink', 'list', 'stat',
    'attach', 'attach', 'detach', 'query', 'update link', 'detach link', 'bind map', 'use', 'freeze', 'info', 'by id', 'run',
  ),
  slot,
  other: slot,
  name,
  to: name,
  flags: mostly(fc.constant(0), 1, 2, 4, 8, 16, 24, 32, 64, 12, 20, 36, 40),
  device: mostly(fc.constant(LO), NO_DEVICE, 0),
  type: mostly(fc.constant(TCX_INGRESS), TCX_EGRESS, 200),
});
type Operation = typeof operation extends fc.Arbitrary<infer O> ? O : never;

export const objectSequence = fc.array(operation, { maxLength: 30 });

/** What a kernel answers to each call, as lines that are the same on every kernel. */
export function runObjects(session: Session, operations: readonly Operation[]): string[] {
  session.kernel.mkdir(DIRECTORY, 0o700);
  const bench = new Bench(session);
  try {
    return operations.map((operation) => `${operation.op}: ${String(bench.run(operation))}`);
  } finally {
    bench.clear();
  }
}

class Bench {
  readonly #session: Session;
  readonly #slots: (Fd | undefined)[] = [];
  /** What ids are: by the order in which they came. */
  readonly #names = new Map<string, string>();

  constructor(session: Session) {
    this.#session = session;
  }

  run(operation: Operation): unknown {
    const { op, slot } = operation;
    switch (op) {
      case 'map':
        return this.#open(slot, () => this.#session.map('array', { max_entries: 2 }));
      case 'program':
        return this.#open(slot, () => this.#session.prog());
      case 'get':
        return this.#open(slot, () => this.#session.get(path(operation.name), operation.flags));
      case 'link':
        return this.#open(slot, () => this.#link(operation));
      case 'by id':
        return this.#open(slot, () => this.#again(operation));
      default:
        return outcome(() => this.#call(operation));
    }
  }

  #call({ op, slot, other, name, to, flags, device, type }: Operation): unknown {
    const { kernel } = this.#session;
    const bpf_fd = this.#fd(slot);
    const at = { target_ifindex: device, attach_type: type };
    switch (op) {
      case 'close':
        return this.#close(slot);
      case 'pin':
        return kernel.bpf('BPF_OBJ_PIN', { pathname: path(name), bpf_fd, file_flags: flags });
      case 'unlink':
        return kernel.unlink(path(name));
      case 'mkdir':
        return kernel.mkdir(path(name), 0o700);
      case 'rmdir':
        return name === '' ? 'not this one' : kernel.rmdir(path(name));
      case 'rename':
        return name === '' ? 'not this one' : kernel.rename(path(name), path(to));
      case 'symlink':
        return kernel.symlink(path(to), path(name));
      case 'list':
        return kernel.readdir(path(name)).sort().join();
      case 'stat':
        return kernel.lstat(path(name)).mode;
      case 'attach':
        return kernel.bpf('BPF_PROG_ATTACH', {
          ...at,
          attach_bpf_fd: bpf_fd,
          attach_flags: flags,
          ...this.#next(flags, other),
        });
      case 'detach':
        return kernel.bpf('BPF_PROG_DETACH', { ...at, attach_bpf_fd: bpf_fd, attach_flags: flags });
      case 'query':
        return this.#query(at);
      case 'update link':
        return kernel.bpf('BPF_LINK_UPDATE', { link_fd: bpf_fd, new_prog_fd: this.#fd(other), flags });
      case 'detach link':
        return kernel.bpf('BPF_LINK_DETACH', { link_fd: bpf_fd });
      case 'bind map':
        return kernel.bpf('BPF_PROG_BIND_MAP', { prog_fd: bpf_fd, map_fd: this.#fd(other), flags });
      case 'use': {
        const answer = outcome(() => this.#session.update(bpf_fd, 0, u64(slot)));
        return `${String(answer)} ${String(outcome(() => this.#session.lookup(bpf_fd, 0)))}`;
      }
      case 'freeze':
        return this.#session.freeze(bpf_fd);
      case 'info':
        return this.#about(bpf_fd);
      case 'run':
        return this.#run(bpf_fd);
      default:
        throw new Error(`${op} opens something`);
    }
  }

  #run(prog_fd: Fd): number | undefined {
    const attr = { prog_fd, data_in: new Uint8Array(64), data_size_in: 64, retval: 0 };
    this.#session.kernel.bpf('BPF_PROG_TEST_RUN', attr);
    return attr.retval;
  }

  #link({ other, flags, device, type }: Operation): Fd {
    return this.#session.own(
      this.#session.kernel.bpf('BPF_LINK_CREATE', {
        prog_fd: this.#fd(other),
        target_ifindex: device,
        attach_type: type,
        flags,
      }),
    );
  }

  /** Another fd of what the other slot has. */
  #again({ other, flags }: Operation): Fd {
    const { kernel } = this.#session;
    const map_id = this.#session.mapId(this.#fd(other));
    return this.#session.own(kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id, open_flags: flags }));
  }

  #next(flags: number, other: number): { relative_fd?: Fd; replace_bpf_fd?: Fd } {
    if ((flags & 4) !== 0) return { replace_bpf_fd: this.#fd(other) };
    return (flags & 24) !== 0 ? { relative_fd: this.#fd(other) } : {};
  }

  #query(at: { readonly target_ifindex: number; readonly attach_type: number }): string {
    const attr = { ...at, count: 8, prog_ids: new Uint32Array(8), link_ids: new Uint32Array(8), revision: 0n };
    this.#session.kernel.bpf('BPF_PROG_QUERY', attr);
    const programs = [...attr.prog_ids.subarray(0, attr.count)].map((id) => this.#name('prog', id));
    const links = [...attr.link_ids.subarray(0, attr.count)].map((id) => (id === 0 ? '-' : this.#name('link', id)));
    return `${programs.join()} ${links.join()} ${attr.revision}`;
  }

  /** What an fd leads to, and which one it is. */
  #about(fd: Fd): string {
    const text = this.#session.text(`/proc/self/fdinfo/${fd}`);
    for (const kind of ['link', 'map', 'prog'] as const) {
      const id = new RegExp(`^${kind}_id:\\s*(\\d+)`, 'm').exec(text)?.[1];
      if (id !== undefined) return this.#name(kind, Number(id));
    }
    return 'something else';
  }

  #name(kind: string, id: number): string {
    const key = `${kind} ${id}`;
    const name = this.#names.get(key) ?? `${kind} ${this.#names.size}`;
    this.#names.set(key, name);
    return name;
  }

  #fd(slot: number): Fd {
    return this.#slots[slot] ?? NOWHERE;
  }

  #open(slot: number, open: () => Fd): unknown {
    let fd: Fd | undefined;
    const answer = outcome(() => {
      fd = open();
      return 'ok';
    });
    if (fd === undefined) return answer;
    this.#close(slot);
    this.#slots[slot] = fd;
    return answer;
  }

  #close(slot: number): void {
    const fd = this.#slots[slot];
    if (fd !== undefined) this.#session.close(fd);
    this.#slots[slot] = undefined;
  }

  /** Takes away what closing fds leaves: pins, and programs on devices. */
  clear(): void {
    const { kernel } = this.#session;
    for (const attach_type of [TCX_INGRESS, TCX_EGRESS]) {
      for (let i = 0; i < 100; i++) {
        const attr = {
          target_ifindex: LO,
          attach_type,
          count: 8,
          prog_ids: new Uint32Array(8),
          link_ids: new Uint32Array(8),
        };
        if (outcome(() => kernel.bpf('BPF_PROG_QUERY', attr)) !== 'ok' || attr.count === 0) break;
        const [prog_id = 0, link_id = 0] = [attr.prog_ids[0], attr.link_ids[0]];
        if (link_id !== 0) {
          const link = this.#session.own(kernel.bpf('BPF_LINK_GET_FD_BY_ID', { link_id }));
          outcome(() => kernel.bpf('BPF_LINK_DETACH', { link_fd: link }));
        } else {
          const prog = this.#session.own(kernel.bpf('BPF_PROG_GET_FD_BY_ID', { prog_id }));
          outcome(() => kernel.bpf('BPF_PROG_DETACH', { target_ifindex: LO, attach_type, attach_bpf_fd: prog }));
        }
      }
    }
    removeAll(kernel, DIRECTORY);
  }
}

function removeAll(kernel: Session['kernel'], directory: string): void {
  for (const name of kernel.readdir(directory)) {
    const inner = `${directory}/${name}`;
    if ((kernel.lstat(inner).mode & S_IFMT) === S_IFDIR) removeAll(kernel, inner);
    else kernel.unlink(inner);
  }
  kernel.rmdir(directory);
}

function path(name: string): string {
  return name === '' ? DIRECTORY : `${DIRECTORY}/${name}`;
}
