import { findCgroups } from '../../src/loader/cgroups.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { type AttachType, attachTypeNumber, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfLinkInfo } from '../../src/uapi/info.ts';
import { BPF_F_ALLOW_MULTI, BPF_F_QUERY_EFFECTIVE, BPF_F_REPLACE } from '../../src/uapi/link.ts';
import { outcome, type Session } from './session.ts';
import type { Row } from './suite.ts';

const O_DIRECTORY = 0o200000;

/** Cgroups of a row's own, by paths from the first of them: '' is that one, `a/b` two below. */
export class CgroupTree implements Disposable {
  readonly s: Session;
  readonly root: string;
  readonly #made: string[] = [];
  readonly #progs = new Map<string, Fd>();

  constructor(s: Session) {
    this.s = s;
    this.root = `${findCgroups(s.kernel)}/skep-contract-${process.pid}`;
    this.make('');
  }

  path(at: string): string {
    return at === '' ? this.root : `${this.root}/${at}`;
  }
  make(at: string): void {
    this.s.kernel.mkdir(this.path(at), 0o755);
    this.#made.push(at);
  }
  remove(at: string): void {
    this.s.kernel.rmdir(this.path(at));
    this.#made.splice(this.#made.indexOf(at), 1);
  }
  id(at: string): bigint {
    return this.s.kernel.stat(this.path(at)).ino;
  }
  open(at: string): Fd {
    return this.s.own(this.s.kernel.open(this.path(at), O_DIRECTORY));
  }

  /** The program of a name. `egress` and the like choose what it is made for; it returns 1. */
  prog(name: string, type: ProgType = 'cgroup_skb', attachType?: AttachType): Fd {
    const expected_attach_type = attachType === undefined ? 0 : attachTypeNumber[attachType];
    const prog =
      this.#progs.get(name) ?? this.s.prog({ prog_type: progTypeNumber[type], expected_attach_type, insns: ALLOWING });
    this.#progs.set(name, prog);
    return prog;
  }
  attach(at: string, name: string, attach_flags = BPF_F_ALLOW_MULTI, attr: BpfAttr<'BPF_PROG_ATTACH'> = {}): void {
    const attach_bpf_fd = this.prog(name);
    this.#with(at, (where) => this.s.kernel.bpf('BPF_PROG_ATTACH', { ...where, attach_bpf_fd, attach_flags, ...attr }));
  }
  replace(at: string, old: string, name: string, attr: BpfAttr<'BPF_PROG_ATTACH'> = {}): void {
    this.attach(at, name, BPF_F_ALLOW_MULTI | BPF_F_REPLACE, { replace_bpf_fd: this.prog(old), ...attr });
  }
  /** `name` undefined: no program is said. */
  detach(at: string, name: string | undefined, attr: BpfAttr<'BPF_PROG_DETACH'> = {}): void {
    const attach_bpf_fd = name === undefined ? 0 : this.prog(name);
    this.#with(at, (where) => this.s.kernel.bpf('BPF_PROG_DETACH', { ...where, attach_bpf_fd, ...attr }));
  }
  link(at: string, name: string, attr: BpfAttr<'BPF_LINK_CREATE'> = {}): Fd {
    const prog_fd = this.prog(name);
    return this.s.own(this.#with(at, (where) => this.s.kernel.bpf('BPF_LINK_CREATE', { ...where, prog_fd, ...attr })));
  }
  update(link: Fd, name: string, old?: string): void {
    const replace = old === undefined ? {} : { flags: BPF_F_REPLACE, old_prog_fd: this.prog(old) };
    this.s.kernel.bpf('BPF_LINK_UPDATE', { link_fd: link, new_prog_fd: this.prog(name), ...replace });
  }

  /** What a query answers; `order` has the names of the programs, `flags` those of each. */
  query(at: string, attr: BpfAttr<'BPF_PROG_QUERY'> = {}, room = 80) {
    const prog_ids = new Uint32Array(room);
    const columns = attr.query_flags === BPF_F_QUERY_EFFECTIVE ? {} : { prog_attach_flags: new Uint32Array(room) };
    const error = this.#with(at, (where) => {
      const asked = { ...where, count: room, prog_ids, attach_flags: 0, revision: 0n, ...columns, ...attr };
      const result = outcome(() => this.s.kernel.bpf('BPF_PROG_QUERY', asked));
      return { error: result, count: asked.count, mode: asked.attach_flags, revision: asked.revision };
    });
    const names = new Map([...this.#progs].map(([name, prog]) => [this.s.progId(prog), name]));
    const order = [...prog_ids].filter((id) => id !== 0).map((id) => names.get(id) ?? '?');
    return { order: order.join(''), ...error };
  }
  /** The names of the programs that are attached there, in order. */
  order(at: string): string {
    return this.query(at).order;
  }
  /** The names of those that run there, in order. */
  effective(at: string): string {
    return this.query(at, { query_flags: BPF_F_QUERY_EFFECTIVE }).order;
  }
  info(link: Fd): { type: number; cgroup: bigint; attachType: number; prog: string } {
    const info = this.s.info(link, bpfLinkInfo);
    const prog = [...this.#progs].find(([, fd]) => this.s.progId(fd) === info.prog_id)?.[0] ?? '?';
    return { type: info.type, cgroup: info['cgroup.cgroup_id'], attachType: info['cgroup.attach_type'], prog };
  }

  #with<T>(at: string, use: (where: { target_fd: Fd; attach_type: number }) => T): T {
    const target_fd = this.s.kernel.open(this.path(at), O_DIRECTORY);
    try {
      return use({ target_fd, attach_type: attachTypeNumber.cgroup_inet_ingress });
    } finally {
      this.s.kernel.close(target_fd);
    }
  }

  [Symbol.dispose](): void {
    for (const at of this.#made.reverse()) outcome(() => this.s.kernel.rmdir(this.path(at)));
  }
}

/** `r0 = 1; exit` */
const ALLOWING = Uint8Array.of(0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

/** A row with cgroups of its own: a first one, and those of `below` in it. */
export function cgroupRow(
  name: string,
  below: readonly string[],
  run: (tree: CgroupTree, s: Session) => unknown,
  want: unknown,
): Row {
  const withTree = (s: Session): unknown => {
    using tree = new CgroupTree(s);
    for (const at of below) tree.make(at);
    return run(tree, s);
  };
  return [name, withTree, want];
}
