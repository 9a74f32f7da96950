import { addDevice, deleteDevice, findDevice } from '../../src/loader/devices.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { attachTypeNumber, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfLinkInfo } from '../../src/uapi/info.ts';
import { BPF_F_AFTER, BPF_F_BEFORE, BPF_F_ID, BPF_F_RELATIVE_LINK, BPF_F_REPLACE } from '../../src/uapi/link.ts';
import { outcome, type Session, soon } from './session.ts';
import type { Row } from './suite.ts';

const DEVICE = 'links0';

/** A device whose ingress programs are attached to, and short words for it. */
class Hook {
  readonly s: Session;
  readonly ifindex: number;
  /** By the name that a row gives: `a`, `b`, … */
  readonly progs = new Map<string, Fd>();

  constructor(s: Session) {
    this.s = s;
    this.ifindex = findDevice(s.kernel, DEVICE).ifindex;
  }

  prog(name: string): Fd {
    const prog = this.progs.get(name) ?? this.s.prog();
    this.progs.set(name, prog);
    return prog;
  }
  attach(name: string, attr: BpfAttr<'BPF_PROG_ATTACH'> = {}): void {
    this.s.kernel.bpf('BPF_PROG_ATTACH', { ...this.#where, attach_bpf_fd: this.prog(name), ...attr });
  }
  detach(name: string | undefined, attr: BpfAttr<'BPF_PROG_DETACH'> = {}): void {
    const attach_bpf_fd = name === undefined ? 0 : this.prog(name);
    this.s.kernel.bpf('BPF_PROG_DETACH', { ...this.#where, attach_bpf_fd, ...attr });
  }
  link(name: string, attr: BpfAttr<'BPF_LINK_CREATE'> = {}): Fd {
    return this.s.own(this.s.kernel.bpf('BPF_LINK_CREATE', { ...this.#where, prog_fd: this.prog(name), ...attr }));
  }
  update(link: Fd, name: string, old?: string): void {
    const replace = old === undefined ? {} : { flags: BPF_F_REPLACE, old_prog_fd: this.prog(old) };
    this.s.kernel.bpf('BPF_LINK_UPDATE', { link_fd: link, new_prog_fd: this.prog(name), ...replace });
  }
  query(room = 64): { order: string; revision: bigint; count: number; links: number; error: unknown } {
    const prog_ids = new Uint32Array(room);
    const link_ids = new Uint32Array(room);
    const attr = { ...this.#where, count: room, prog_ids, link_ids, revision: 0n };
    const error = outcome(() => this.s.kernel.bpf('BPF_PROG_QUERY', attr));
    const names = new Map([...this.progs].map(([name, prog]) => [this.s.progId(prog), name]));
    const order = [...prog_ids].filter((id) => id !== 0).map((id) => names.get(id) ?? '?');
    return {
      order: order.join(''),
      revision: attr.revision,
      count: attr.count,
      links: link_ids.filter((id) => id !== 0).length,
      error,
    };
  }
  /** The names of the programs in the order in which they run. */
  get order(): string {
    return this.query().order;
  }
  info(link: Fd): { ifindex: number; type: number; prog: string; hook: number } {
    const info = this.s.info(link, bpfLinkInfo);
    const prog = [...this.progs].find(([, fd]) => this.s.progId(fd) === info.prog_id)?.[0] ?? '?';
    return { ifindex: info['tcx.ifindex'], type: info.type, prog, hook: info['tcx.attach_type'] };
  }
  get #where() {
    return { target_ifindex: this.ifindex, attach_type: attachTypeNumber.tcx_ingress };
  }
}

/** A row with a device of its own. */
function row(name: string, run: (hook: Hook, s: Session) => unknown, want: unknown): Row {
  const withDevice = (s: Session): unknown => {
    addDevice(s.kernel, { kind: 'veth', name: DEVICE, peer: 'links1' });
    try {
      return run(new Hook(s), s);
    } finally {
      outcome(() => deleteDevice(s.kernel, DEVICE));
    }
  };
  return [name, withDevice, want];
}

/** What an order of attaching comes to. Each step: a name, flags, and what it is relative to. */
type Step = readonly [name: string, flags?: number, relative?: string];
const ORDERS: readonly (readonly [steps: readonly Step[], want: string])[] = [
  [[['a'], ['b'], ['c']], 'abc'],
  [[['a'], ['b', BPF_F_BEFORE], ['c', BPF_F_AFTER]], 'bac'],
  [[['a'], ['b'], ['c', BPF_F_BEFORE, 'b']], 'acb'],
  [[['a'], ['b'], ['c', BPF_F_AFTER, 'a']], 'acb'],
  [[['a'], ['b'], ['c', BPF_F_BEFORE, 'a']], 'cab'],
  [[['a'], ['b'], ['c', BPF_F_AFTER, 'b']], 'abc'],
  [[['a'], ['a']], 'EEXIST'],
  [[['a'], ['b', BPF_F_BEFORE, 'z']], 'ENOENT'],
  [[['a'], ['b', 0, 'a']], 'EINVAL'],
  [[['a'], ['b'], ['c', BPF_F_BEFORE | BPF_F_AFTER, 'a']], 'ERANGE'],
  [[['a', BPF_F_BEFORE | BPF_F_AFTER]], 'ERANGE'],
  [[['a', 1]], 'EINVAL'],
];

export const linkRows: readonly Row[] = [
  ...ORDERS.map(([steps, want]) =>
    row(
      `order of ${steps.map(([name, flags = 0, to = '']) => `${name}${flags || ''}${to}`).join(' ')}`,
      (hook) => {
        for (const [name, attach_flags = 0, to] of steps)
          hook.attach(name, { attach_flags, relative_fd: to === undefined ? 0 : hook.prog(to) });
        return hook.order;
      },
      want,
    ),
  ),
  row('nothing attached', (hook) => hook.query(), { order: '', revision: 1n, count: 0, links: 0, error: 'ok' }),
  row(
    'each change is a revision',
    (hook) => {
      hook.attach('a');
      hook.attach('b', { attach_flags: BPF_F_REPLACE, replace_bpf_fd: hook.prog('a') });
      const link = hook.link('c');
      hook.update(link, 'd');
      hook.detach('b');
      return hook.query();
    },
    { order: 'd', revision: 6n, count: 1, links: 1, error: 'ok' },
  ),
  row('a revision that is not the present one', (hook) => hook.attach('a', { expected_revision: 9n }), 'ESTALE'),
  row('the present revision', (hook) => hook.attach('a', { expected_revision: 1n }), 'ok'),
  row(
    'less room than programs',
    (hook) => {
      for (const name of 'abc') hook.attach(name);
      return hook.query(2);
    },
    { order: 'ab', revision: 4n, count: 3, links: 0, error: 'ENOSPC' },
  ),
  row(
    'relative to an id',
    (hook, s) => {
      hook.attach('a');
      hook.attach('b', { attach_flags: BPF_F_BEFORE | BPF_F_ID, relative_id: s.progId(hook.prog('a')) });
      return hook.order;
    },
    'ba',
  ),
  row(
    'relative to a link, by fd and by id',
    (hook, s) => {
      hook.attach('a');
      const link = hook.link('b');
      hook.attach('c', { attach_flags: BPF_F_BEFORE | BPF_F_RELATIVE_LINK, relative_fd: link });
      const relative_id = s.info(link, bpfLinkInfo).id;
      hook.attach('d', { attach_flags: BPF_F_AFTER | BPF_F_RELATIVE_LINK | BPF_F_ID, relative_id });
      return hook.order;
    },
    'acbd',
  ),
  row(
    'relative to an id that nothing has',
    (hook) => hook.attach('a', { attach_flags: BPF_F_BEFORE | BPF_F_ID, relative_id: 0x7ffffff0 }),
    'ENOENT',
  ),
  row('no device', (hook) => hook.attach('a', { target_ifindex: 99999 }), 'ENODEV'),
  row('no program', (hook) => hook.attach('a', { attach_bpf_fd: 999 }), 'EBADF'),
  row('an fd that is no program', (hook, s) => hook.attach('a', { attach_bpf_fd: s.map('hash') }), 'EINVAL'),
  row(
    'a program of another type',
    (hook, s) => hook.attach('a', { attach_bpf_fd: s.prog({ prog_type: progTypeNumber.xdp }) }),
    'EINVAL',
  ),
  row('an attach type that nobody has', (hook) => hook.attach('a', { attach_type: 999 }), 'EINVAL'),
  row(
    'replacing what is not there',
    (hook) => hook.attach('a', { attach_flags: BPF_F_REPLACE, replace_bpf_fd: hook.prog('b') }),
    'ENOENT',
  ),
  row(
    'replacing what a link holds',
    (hook) => {
      hook.link('a');
      hook.attach('b', { attach_flags: BPF_F_REPLACE, replace_bpf_fd: hook.prog('a') });
    },
    'EBUSY',
  ),
  row(
    'detaching the first, the last, and one',
    (hook) => {
      for (const name of 'abcd') hook.attach(name);
      hook.detach(undefined);
      hook.detach(undefined, { attach_flags: BPF_F_BEFORE });
      const left = hook.order;
      hook.detach('b');
      return [left, hook.order];
    },
    ['bc', 'c'],
  ),
  row('detaching from nothing', (hook) => hook.detach('a'), 'ENOENT'),
  row(
    'detaching a program that is not there',
    (hook) => {
      hook.attach('a');
      hook.detach('b');
    },
    'ENOENT',
  ),
  row(
    'detaching what a link holds',
    (hook) => {
      hook.link('a');
      hook.detach('a');
    },
    'EBUSY',
  ),
  row(
    'more than 64',
    (hook) => {
      for (let n = 0; n < 65; n++) hook.attach(`p${n}`);
    },
    'ERANGE',
  ),
  row(
    'what is attached holds the program',
    (hook, s) => {
      hook.attach('a');
      const id = s.progId(hook.prog('a'));
      s.close(hook.prog('a'));
      hook.progs.clear();
      return [s.progLives(id), hook.query().count];
    },
    [true, 1],
  ),

  row(
    'a link says what it is',
    (hook) => {
      const { ifindex, ...rest } = hook.info(hook.link('a'));
      return [ifindex === hook.ifindex, rest];
    },
    [true, { type: 11, prog: 'a', hook: 46 }],
  ),
  row(
    'a link has an id',
    (hook, s) => {
      const { id } = s.info(hook.link('a'), bpfLinkInfo);
      const again = s.own(s.kernel.bpf('BPF_LINK_GET_FD_BY_ID', { link_id: id }));
      const next = { start_id: id - 1, next_id: 0 };
      s.kernel.bpf('BPF_LINK_GET_NEXT_ID', next);
      return [s.info(again, bpfLinkInfo).id === id, next.next_id === id];
    },
    [true, true],
  ),
  row(
    'the last fd detaches',
    (hook, s) => {
      const link = hook.link('a');
      const { id } = s.info(link, bpfLinkInfo);
      const again = s.own(s.kernel.bpf('BPF_LINK_GET_FD_BY_ID', { link_id: id }));
      s.close(link);
      const between = hook.order;
      s.close(again);
      return [between, hook.order, outcome(() => s.kernel.bpf('BPF_LINK_GET_FD_BY_ID', { link_id: id }))];
    },
    ['a', '', 'ENOENT'],
  ),
  row(
    'a pin holds the link',
    (hook, s) => {
      const link = hook.link('a');
      s.pin(link, '/sys/fs/bpf/link');
      s.close(link);
      const pinned = hook.order;
      const again = s.get('/sys/fs/bpf/link');
      const type = s.info(again, bpfLinkInfo).type;
      s.close(again);
      s.kernel.unlink('/sys/fs/bpf/link');
      // Linux lets go of what a pin held a moment after the unlink.
      return [pinned, type, soon(() => hook.order, '')];
    },
    ['a', 11, ''],
  ),
  row(
    'a pinned link is opened for reading and writing alone',
    (hook, s) => {
      s.pin(hook.link('a'), '/sys/fs/bpf/link');
      const results = [8, 16].map((flags) => outcome(() => s.get('/sys/fs/bpf/link', flags)));
      s.kernel.unlink('/sys/fs/bpf/link');
      return results;
    },
    ['EINVAL', 'EINVAL'],
  ),
  row(
    'a link with another program keeps its place',
    (hook) => {
      hook.attach('a');
      const link = hook.link('b');
      hook.attach('c');
      hook.update(link, 'd');
      return [hook.order, hook.info(link).prog];
    },
    ['adc', 'd'],
  ),
  row('updating with the right old program', (hook) => hook.update(hook.link('a'), 'b', 'a'), 'ok'),
  row('updating with a wrong old program', (hook) => hook.update(hook.link('a'), 'b', 'c'), 'EPERM'),
  row('updating with the same program', (hook) => hook.update(hook.link('a'), 'a'), 'ok'),
  row(
    'updating with a program that is there already',
    (hook) => {
      hook.attach('a');
      hook.update(hook.link('b'), 'a');
    },
    'EEXIST',
  ),
  row(
    'updating with a program of another type',
    (hook, s) => {
      hook.progs.set('x', s.prog({ prog_type: progTypeNumber.xdp }));
      hook.update(hook.link('a'), 'x');
    },
    'EINVAL',
  ),
  row(
    'an old program without the flag',
    (hook, s) => {
      const link = hook.link('a');
      const attr = { link_fd: link, new_prog_fd: hook.prog('b'), old_prog_fd: hook.prog('a') };
      s.kernel.bpf('BPF_LINK_UPDATE', attr);
    },
    'EINVAL',
  ),
  row(
    'unknown flags of an update',
    (hook, s) => s.kernel.bpf('BPF_LINK_UPDATE', { link_fd: hook.link('a'), new_prog_fd: hook.prog('b'), flags: 1 }),
    'EINVAL',
  ),
  row(
    'detached, a link is still there',
    (hook, s) => {
      const link = hook.link('a');
      s.kernel.bpf('BPF_LINK_DETACH', { link_fd: link });
      const { ifindex, prog } = hook.info(link);
      return [hook.order, ifindex, prog, outcome(() => hook.update(link, 'b'))];
    },
    ['', 0, 'a', 'ENOLINK'],
  ),
  row(
    'a device takes its links along',
    (hook, s) => {
      const link = hook.link('a');
      hook.attach('b');
      deleteDevice(s.kernel, DEVICE);
      const again = outcome(() => s.kernel.bpf('BPF_LINK_DETACH', { link_fd: link }));
      return [hook.info(link).ifindex, outcome(() => hook.update(link, 'c')), again];
    },
    [0, 'ENOLINK', 'ok'],
  ),
  row(
    'links in an order',
    (hook) => {
      hook.link('a');
      hook.link('b', { flags: BPF_F_BEFORE });
      hook.link('c', { flags: BPF_F_AFTER, 'tcx.relative_fd': hook.prog('b') });
      return [hook.order, hook.query().links];
    },
    ['bca', 3],
  ),
  row('a link of a revision that is past', (hook) => hook.link('a', { 'tcx.expected_revision': 3n }), 'ESTALE'),
  row('a link to no device', (hook) => hook.link('a', { target_ifindex: 99999 }), 'ENODEV'),
  row('a link of an fd that is no program', (hook, s) => hook.link('a', { prog_fd: s.map('hash') }), 'EINVAL'),
  row('detaching what is no link', (hook, s) => s.kernel.bpf('BPF_LINK_DETACH', { link_fd: hook.prog('a') }), 'EINVAL'),
  row('detaching no fd', (_hook, s) => s.kernel.bpf('BPF_LINK_DETACH', { link_fd: 999 }), 'EBADF'),
];
