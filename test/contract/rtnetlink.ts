import { SysError } from '../../src/errors.ts';
import {
  clsact,
  decodeFilter,
  decodeLink,
  decodeQdisc,
  encodeFilter,
  encodeLink,
  encodeQdisc,
  type Filter,
  type Link,
  type Qdisc,
  request,
} from '../../src/net/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import * as N from '../../src/uapi/netlink.ts';
import { bytecode, I } from '../support/bytecode.ts';

const ADD = N.NLM_F_CREATE | N.NLM_F_EXCL;
const REPLACE = N.NLM_F_CREATE;
const CHANGE = 0;

/** The devices `v0` and `v1` of a kernel, a veth pair, and what is done to them. */
export class Pair {
  readonly #kernel: Kernel;
  readonly #progs = new Map<string, Fd>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  ask(type: number, flags: number, payload: Uint8Array): Uint8Array[] {
    return request(this.#kernel, 'the test', type, flags, payload);
  }
  addLink(link: Partial<Link>, flags = ADD): void {
    this.ask(N.RTM_NEWLINK, flags, encodeLink({ ifindex: 0, ...link }));
  }
  link(name: string): Link {
    const [answer] = this.ask(N.RTM_GETLINK, 0, encodeLink({ ifindex: 0, name }));
    if (answer === undefined) throw new Error('no answer');
    return decodeLink(answer);
  }
  qdisc(type: number, flags: number, more: Partial<Qdisc> = {}, device = 'v0'): void {
    this.ask(type, flags, encodeQdisc({ ...clsact(this.link(device).ifindex), ...more }));
  }
  qdiscs(device = 'v0'): (string | undefined)[] {
    const { ifindex } = this.link(device);
    return this.ask(N.RTM_GETQDISC, N.NLM_F_DUMP, encodeQdisc({ ifindex, kind: undefined, handle: 0, parent: 0 }))
      .map(decodeQdisc)
      .filter((qdisc) => qdisc.ifindex === ifindex)
      .map((qdisc) => qdisc.kind);
  }
  filter(type: number, flags: number, more: Partial<Filter>, device = 'v0'): Filter[] {
    const filter: Filter = {
      ifindex: this.link(device).ifindex,
      parent: N.TC_H_CLSACT_INGRESS,
      handle: 0,
      priority: 0,
      protocol: 0,
      kind: undefined,
      ...more,
    };
    return this.ask(type, flags, encodeFilter(filter)).map(decodeFilter);
  }
  /** The filters of a hook: priority, handle, and options if the line has some. */
  filters(parent: number = N.TC_H_CLSACT_INGRESS, more: Partial<Filter> = {}): string[] {
    return this.filter(N.RTM_GETTFILTER, N.NLM_F_DUMP, { parent, ...more }).map(
      ({ priority, protocol, handle, chain, bpf }) =>
        `${priority} ${protocol.toString(16)} chain ${chain} handle ${handle}${
          bpf === undefined
            ? ''
            : ` ${bpf.name ?? `ops ${bpf.opsLen}`}${bpf.flags ? ' da' : ''}${bpf.classid === undefined ? '' : ` flowid ${bpf.classid.toString(16)}`}${bpf.flagsGen ? ` gen ${bpf.flagsGen}` : ''}`
        }`,
    );
  }
  /** A program of a type that returns `value`. */
  prog(type: ProgType = 'sched_cls', value = 0): Fd {
    const key = `${type} ${value}`;
    let fd = this.#progs.get(key);
    if (fd === undefined) {
      const insns = bytecode(I.mov(0, value), I.exit);
      fd = this.#kernel.bpf('BPF_PROG_LOAD', { prog_type: progTypeNumber[type], insns, insn_cnt: 2, license: 'GPL' });
      this.#progs.set(key, fd);
    }
    return fd;
  }
  map(): Fd {
    return this.#kernel.bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
  }
}

/** What a call answers: `ok`, or the errno's name and the text of the extended ack. */
export function said(call: () => unknown): unknown {
  try {
    return call() ?? 'ok';
  } catch (error) {
    if (error instanceof SysError) return error.detail === undefined ? error.code : `${error.code} ${error.detail}`;
    throw error;
  }
}

const ALL = N.ETH_P_ALL;
const RETURN_ALL = Uint8Array.of(6, 0, 0, 0, 255, 255, 255, 255);
const NEW = N.RTM_NEWTFILTER;
const DEL = N.RTM_DELTFILTER;
const GET = N.RTM_GETTFILTER;
const bpf = (p: Pair, name: string, more: Partial<NonNullable<Filter['bpf']>> = {}): Partial<Filter> => ({
  kind: 'bpf',
  protocol: ALL,
  bpf: { fd: p.prog(), name, ...more },
});

/** Steps that are made one after the other, each with what the kernel says. */
// biome-ignore format: one step a line
export const rtnetlinkSteps: readonly (readonly [name: string, step: (p: Pair) => unknown, want: unknown])[] = [
  ['a device that is not there', (p) => p.link('v0'), 'ENODEV'],
  ['a kind that is not there', (p) => p.addLink({ name: 'x0', kind: 'nosuchkind' }), 'EOPNOTSUPP Unknown device type'],
  ['a veth pair', (p) => p.addLink({ name: 'v0', kind: 'veth', peer: { ifindex: 0, name: 'v1' } }), 'ok'],
  ['the same again', (p) => p.addLink({ name: 'v0', kind: 'veth', peer: { ifindex: 0, name: 'v1' } }), 'EEXIST'],
  ['a new one with a peer that is there', (p) => p.addLink({ name: 'v2', kind: 'veth', peer: { ifindex: 0, name: 'v1' } }), 'EEXIST'],
  ['a name that is too long', (p) => p.addLink({ name: 'abcdefghijklmnop', kind: 'veth' }), 'ERANGE Attribute failed policy validation'],
  ['a name with a slash', (p) => p.addLink({ name: 'a/b', kind: 'veth' }), 'EINVAL'],
  ['each is the other\'s link', (p) => [p.link('v0').link === p.link('v1').ifindex, p.link('v1').link === p.link('v0').ifindex], [true, true]],
  ['the peer was registered first', (p) => p.link('v0').ifindex - p.link('v1').ifindex, 1],
  ['down: no carrier', (p) => [p.link('v0').flags, p.link('v0').operstate], [0x1002, 2]],
  ['one end up', (p) => p.addLink({ name: 'v0', flags: 1, change: 1 }, 0), 'ok'],
  ['its carrier waits for the other', (p) => [p.link('v0').flags, p.link('v0').operstate], [0x1003, 3]],
  ['both up', (p) => p.addLink({ name: 'v1', flags: 1, change: 1 }, 0), 'ok'],
  ['the carrier is there', (p) => [p.link('v0').flags, p.link('v0').operstate, p.link('v0').mtu, p.link('v0').type], [0x11043, 6, 1500, 1]],
  ['loopback', (p) => [p.link('lo').ifindex, p.link('lo').flags, p.link('lo').type, p.link('lo').mtu], [1, 8, 772, 65536]],
  ['loopback stays', (p) => p.ask(N.RTM_DELLINK, 0, encodeLink({ ifindex: 1 })), 'EOPNOTSUPP'],
  ['an MTU that is too small', (p) => p.addLink({ name: 'v0', mtu: 1 }, 0), 'EINVAL mtu less than device minimum'],

  ['a filter without a qdisc', (p) => p.filter(NEW, ADD, bpf(p, 'a')), "EINVAL Parent Qdisc doesn't exists"],
  ['deleting a qdisc that is not there', (p) => p.qdisc(N.RTM_DELQDISC, 0), 'ENOENT Cannot find specified qdisc on specified device'],
  ['changing one that is not there', (p) => p.qdisc(N.RTM_NEWQDISC, 0), 'ENOENT Qdisc not found. To create specify NLM_F_CREATE flag'],
  ['a kind that is not there', (p) => p.qdisc(N.RTM_NEWQDISC, ADD, { kind: 'nosuch' }), 'ENOENT Specified qdisc kind is unknown'],
  ['a minor handle', (p) => p.qdisc(N.RTM_NEWQDISC, ADD, { handle: 0xffff0001 }), 'EINVAL Invalid minor handle'],
  ['clsact', (p) => p.qdisc(N.RTM_NEWQDISC, ADD), 'ok'],
  ['again', (p) => p.qdisc(N.RTM_NEWQDISC, ADD), 'EEXIST Exclusivity flag on, cannot modify'],
  ['ingress beside it', (p) => p.qdisc(N.RTM_NEWQDISC, ADD, { kind: 'ingress' }), 'EEXIST Exclusivity flag on, cannot modify'],
  ['ingress in its place', (p) => p.qdisc(N.RTM_NEWQDISC, N.NLM_F_CREATE | N.NLM_F_REPLACE, { kind: 'ingress' }), 'EINVAL Invalid qdisc name: must match existing qdisc'],
  ['replaced by itself', (p) => p.qdisc(N.RTM_NEWQDISC, N.NLM_F_CREATE | N.NLM_F_REPLACE), 'ok'],
  ['in the dump', (p) => p.qdiscs(), ['noqueue', 'clsact']],

  ['no filters', (p) => p.filters(), []],
  ['a filter', (p) => p.filter(NEW, ADD, bpf(p, 'a', { flags: 1 })), []],
  ['its priority is the kernel\'s choice', (p) => p.filters(), ['49152 3 chain 0 handle 0', '49152 3 chain 0 handle 1 a da gen 8']],
  ['the next one counts down', (p) => [p.filter(NEW, ADD, bpf(p, 'b', { classid: 0x10002 })), p.filters()], [[], ['49151 3 chain 0 handle 0', '49151 3 chain 0 handle 1 b flowid 10002 gen 8', '49152 3 chain 0 handle 0', '49152 3 chain 0 handle 1 a da gen 8']]],
  ['nothing on egress', (p) => p.filters(N.TC_H_CLSACT_EGRESS), []],
  ['adding what is there', (p) => p.filter(NEW, ADD, { ...bpf(p, 'c'), priority: 49152, handle: 1 }), 'EEXIST Filter already exists'],
  ['replacing it loses direct-action', (p) => [p.filter(NEW, REPLACE, { ...bpf(p, 'c'), priority: 49152, handle: 1 }), p.filters(undefined, { priority: 49152 })], [[], ['49152 3 chain 0 handle 0', '49152 3 chain 0 handle 1 c gen 8']]],
  ['changing it', (p) => [p.filter(NEW, CHANGE, { ...bpf(p, 'd', { flags: 1 }), priority: 49152, handle: 1 }), p.filters(undefined, { priority: 49152 })], [[], ['49152 3 chain 0 handle 0', '49152 3 chain 0 handle 1 d da gen 8']]],
  ['changing what is not there', (p) => p.filter(NEW, CHANGE, { ...bpf(p, 'd'), priority: 49152, handle: 9 }), 'ENOENT Need both RTM_NEWTFILTER and NLM_F_CREATE to create a new filter'],
  ['changing without a priority', (p) => p.filter(NEW, CHANGE, bpf(p, 'd')), 'ENOENT Invalid filter command with priority of zero'],
  ['changing a priority that is not there', (p) => p.filter(NEW, CHANGE, { ...bpf(p, 'd'), priority: 5 }), 'ENOENT Need both RTM_NEWTFILTER and NLM_F_CREATE to create a new filter'],
  ['newest first, and the next free handle', (p) => [p.filter(NEW, ADD, { ...bpf(p, 'e'), priority: 7 }), p.filter(NEW, ADD, { ...bpf(p, 'f'), priority: 7 }), p.filter(NEW, ADD, { ...bpf(p, 'g'), priority: 7, handle: 0x20 }), p.filters(undefined, { priority: 7 })], [[], [], [], ['7 3 chain 0 handle 0', '7 3 chain 0 handle 32 g gen 8', '7 3 chain 0 handle 2 f gen 8', '7 3 chain 0 handle 1 e gen 8']]],
  ['another protocol in one priority', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h'), priority: 7, protocol: 0x800 }), 'EINVAL Protocol mismatch for filter with specified priority'],
  ['another kind in one priority', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h'), priority: 7, kind: 'matchall', bpf: undefined }), 'EINVAL Specified filter kind does not match existing one'],
  ['no kind', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h'), priority: 8, kind: undefined }), 'EINVAL Filter kind and protocol must be specified'],
  ['no protocol', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h'), priority: 8, protocol: 0 }), 'EINVAL Filter kind and protocol must be specified'],
  ['a kind that there is not', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h'), priority: 8, kind: 'nosuch', bpf: undefined }), 'ENOENT TC classifier not found'],
  ['no options', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h'), priority: 8, bpf: undefined }), 'EINVAL'],
  ['no program', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h'), priority: 8, bpf: {} }), 'EINVAL'],
  ['two programs', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h', { ops: RETURN_ALL }), priority: 8 }), 'EINVAL'],
  ['a bad fd', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h', { fd: 9999 }), priority: 8 }), 'EBADF'],
  ['the fd of a map', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h', { fd: p.map() }), priority: 8 }), 'EINVAL'],
  ['a program of another type', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h', { fd: p.prog('xdp') }), priority: 8 }), 'EINVAL'],
  ['flags that there are not', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h', { flags: 2 }), priority: 8 }), 'EINVAL'],
  ['skipping both', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h', { flagsGen: 3 }), priority: 8 }), 'EINVAL'],
  ['skipping software', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h', { flagsGen: 2 }), priority: 8 }), 'EOPNOTSUPP'],
  ['skipping hardware', (p) => [p.filter(NEW, ADD, { ...bpf(p, 'h', { flagsGen: 1 }), priority: 8 }), p.filters(undefined, { priority: 8 })], [[], ['8 3 chain 0 handle 0', '8 3 chain 0 handle 1 h gen 9']]],
  ['classic', (p) => [p.filter(NEW, ADD, { kind: 'bpf', protocol: 0x800, priority: 9, bpf: { ops: RETURN_ALL, classid: 0x20000 } }), p.filters(undefined, { priority: 9 })], [[], ['9 800 chain 0 handle 0', '9 800 chain 0 handle 1 ops 1 flowid 20000 gen 8']]],
  ['classic that has no end', (p) => p.filter(NEW, ADD, { kind: 'bpf', protocol: ALL, priority: 10, bpf: { ops: Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0) } }), 'EINVAL'],
  ['classic of another length than it says', (p) => p.filter(NEW, ADD, { kind: 'bpf', protocol: ALL, priority: 10, bpf: { ops: RETURN_ALL, opsLen: 2 } }), 'EINVAL'],
  ['a refused filter leaves nothing', (p) => p.filters(undefined, { priority: 10 }), []],
  ['only of one protocol', (p) => p.filters(undefined, { protocol: 0x800 }), ['9 800 chain 0 handle 0', '9 800 chain 0 handle 1 ops 1 flowid 20000 gen 8']],
  ['a class that there is not', (p) => p.filter(NEW, ADD, { ...bpf(p, 'h'), priority: 8, parent: 0xffff0007 }), "ENOENT Specified class doesn't exist"],
  ['echoed', (p) => p.filter(NEW, ADD | N.NLM_F_ECHO, { ...bpf(p, 'echo'), priority: 11 }).map(({ handle, priority, bpf: options }) => [handle, priority, options?.name]), [[1, 11, 'echo']]],
  ['another chain', (p) => [p.filter(NEW, ADD, { ...bpf(p, 'far'), priority: 1, chain: 3 }), p.filters(undefined, { chain: 3 })], [[], ['1 3 chain 3 handle 0', '1 3 chain 3 handle 1 far gen 8']]],

  ['asking for one', (p) => p.filter(GET, 0, { priority: 7, handle: 2, protocol: ALL, kind: 'bpf' }).map(({ bpf: options }) => options?.name), ['f']],
  ['for a handle that is not there', (p) => p.filter(GET, 0, { priority: 7, handle: 77, protocol: ALL, kind: 'bpf' }), 'ENOENT Specified filter handle not found'],
  ['for a priority that is not there', (p) => p.filter(GET, 0, { priority: 70, handle: 1, protocol: ALL, kind: 'bpf' }), 'ENOENT Filter with specified priority/protocol not found'],
  ['for a chain that is not there', (p) => p.filter(GET, 0, { priority: 7, handle: 1, protocol: ALL, kind: 'bpf', chain: 5 }), 'EINVAL Cannot find specified filter chain'],
  ['without a priority', (p) => p.filter(GET, 0, { handle: 1, protocol: ALL, kind: 'bpf' }), 'ENOENT Invalid filter command with priority of zero'],
  ['on a device that is not there', (p) => p.ask(GET, 0, encodeFilter({ ifindex: 9999, parent: N.TC_H_CLSACT_INGRESS, handle: 1, priority: 1, protocol: ALL, kind: 'bpf' })), 'ENODEV'],
  ['a dump there is empty', (p) => p.ask(GET, N.NLM_F_DUMP, encodeFilter({ ifindex: 9999, parent: N.TC_H_CLSACT_INGRESS, handle: 0, priority: 0, protocol: 0, kind: undefined })), []],

  ['deleting one', (p) => [p.filter(DEL, 0, { priority: 7, handle: 2, protocol: ALL, kind: 'bpf' }), p.filters(undefined, { priority: 7 })], [[], ['7 3 chain 0 handle 0', '7 3 chain 0 handle 32 g gen 8', '7 3 chain 0 handle 1 e gen 8']]],
  ['deleting it again', (p) => p.filter(DEL, 0, { priority: 7, handle: 2, protocol: ALL, kind: 'bpf' }), 'ENOENT Specified filter handle not found'],
  ['deleting a priority', (p) => [p.filter(DEL, 0, { priority: 7 }), p.filters(undefined, { priority: 7 })], [[], []]],
  ['deleting it again', (p) => p.filter(DEL, 0, { priority: 7 }), 'ENOENT Filter with specified priority/protocol not found'],
  ['deleting by handle alone', (p) => p.filter(DEL, 0, { handle: 1 }), 'ENOENT Cannot flush filters with protocol, handle or kind set'],
  ['deleting in a chain that is not there', (p) => p.filter(DEL, 0, { priority: 1, chain: 9 }), 'ENOENT Cannot find specified filter chain'],
  ['the last of a priority takes it along', (p) => [p.filter(DEL, 0, { priority: 8, handle: 1, protocol: ALL, kind: 'bpf' }), p.filters(undefined, { priority: 8 })], [[], []]],
  ['deleting all', (p) => [p.filter(DEL, 0, {}), p.filters(undefined, { chain: 0 })], [[], []]],
  ['but not those of other chains', (p) => p.filters().length, 2],

  ['deleting the qdisc', (p) => p.qdisc(N.RTM_DELQDISC, 0), 'ok'],
  ['deleting it again', (p) => p.qdisc(N.RTM_DELQDISC, 0), 'EINVAL Invalid handle'],
  ['an ingress qdisc', (p) => [said(() => p.qdisc(N.RTM_NEWQDISC, ADD, { kind: 'ingress' })), p.qdiscs()], ['ok', ['noqueue', 'ingress']]],
  ['takes a filter for egress as its own', (p) => [p.filter(NEW, ADD, { ...bpf(p, 'low'), parent: N.TC_H_CLSACT_EGRESS, priority: 1 }), p.filters()], [[], ['1 3 chain 0 handle 0', '1 3 chain 0 handle 1 low gen 8']]],
  ['deleting an end of the pair', (p) => p.ask(N.RTM_DELLINK, 0, encodeLink({ ifindex: p.link('v1').ifindex })), []],
  ['takes the other along', (p) => p.link('v0'), 'ENODEV'],
];
