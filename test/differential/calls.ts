import fc from 'fast-check';
import type { Btf } from '../../src/btf/index.ts';
import { verify } from '../../src/engine/embedded/verifier/verify.ts';
import { encodeInsns, type Insn, parseAssembly } from '../../src/isa/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { attachTypeNumber, BPF_F_SLEEPABLE, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import { errnoCode } from '../../src/uapi/errno.ts';
import { lastWords, outcome } from '../contract/session.ts';

/** What a program is for. `typeId`: of the kernel's types, where it is for one of them. */
interface Place {
  readonly type: ProgType;
  readonly attachType?: number;
  readonly typeId?: number;
}

/** Programs for each place that call anything with anything, by the types of the running kernel: what they may call, and what with. */
export interface CallProgram {
  readonly place: Place;
  readonly calls: readonly { readonly insn: Pick<Insn, 'src' | 'imm'>; readonly args: readonly string[] }[];
}

const HELPERS = 212;
/** What is in the registers: r6 the context, r7 its beginning, r8 zero, r9 three; the stack is zeros. */
const VALUES = ['0', '1', '8', '16', '64', '-1', 'r6', 'r7', 'r8', 'r9', 'r10', 'fp-16', 'fp-64'];
const CALL = 0x85;

export function callPrograms(btf: Btf): fc.Arbitrary<CallProgram> {
  const kfunc = fc
    .constantFrom(...kfuncsOf(btf))
    .chain(([imm, count]) => fc.record({ insn: fc.constant({ src: 2, imm }), args: argumentsOf(count) }));
  const helper = fc.record({ insn: fc.record({ src: fc.constant(0), imm: fc.nat(HELPERS) }), args: argumentsOf(5) });
  return fc.record({
    place: fc.constantFrom(...placesOf(btf)),
    calls: fc.array(fc.oneof(kfunc, helper), { minLength: 1, maxLength: 2 }),
  });
}

/** One that destroys the iterator NULL. */
export function nullCall(btf: Btf): CallProgram {
  const imm = btf.find('func', 'bpf_iter_num_destroy') ?? 0;
  return { place: { type: 'sched_cls' }, calls: [{ insn: { src: 2, imm }, args: ['0'] }] };
}

/** Programs that read one argument of what they are for: all iterators and structs of functions, and the tracepoints whose number leaves no rest. */
export function* contextReads(btf: Btf, oneIn: number): Generator<CallProgram & { readonly argument: number }> {
  for (let typeId = 1, tracepoints = 0; typeId < btf.typeCount; typeId++) {
    const type = btf.type(typeId);
    const read = function* (place: Place, count: number) {
      for (let argument = 0; argument < Math.max(count, 1); argument++) yield { place, calls: [], argument };
    };
    if (type.kind === 'func' && type.name.startsWith('bpf_iter_')) {
      if (btf.find('struct', type.name.replace('bpf_iter_', 'bpf_iter__')) === undefined) continue;
      yield* read({ type: 'tracing', attachType: attachTypeNumber.trace_iter, typeId }, paramsOf(btf, type.typeId));
    } else if (type.kind === 'typedef' && type.name.startsWith('btf_trace_') && tracepoints++ % oneIn === 0) {
      yield* read(
        { type: 'tracing', attachType: attachTypeNumber.trace_raw_tp, typeId },
        pointedParamsOf(btf, type.typeId) - 1,
      );
    } else if (type.kind === 'struct' && btf.find('struct', `bpf_struct_ops_${type.name}`) !== undefined) {
      for (const [attachType, member] of type.members.entries())
        yield* read({ type: 'struct_ops', attachType, typeId }, pointedParamsOf(btf, member.typeId));
    }
  }
}

/** `ok`, or the errno and what the log says last; `undefined` where the kernel does not let programs be loaded for this place. */
export function linuxSays(kernel: Kernel, program: CallProgram, insns: readonly Insn[]): string | undefined {
  const { type, attachType, typeId } = program.place;
  const log_buf = new Uint8Array(1 << 16);
  const bytes = encodeInsns(insns);
  const attr = {
    prog_type: progTypeNumber[type],
    expected_attach_type: attachType,
    attach_btf_id: typeId,
    prog_flags: flagsOf(type),
    insns: bytes,
    insn_cnt: bytes.length / 8,
    license: 'GPL',
    log_level: 1,
    log_size: log_buf.length,
    log_buf,
  };
  const answer = outcome(() => kernel.close(kernel.bpf('BPF_PROG_LOAD', attr)));
  if (answer === 'ok') return answer;
  const words = lastWords(log_buf);
  return words === '' ? undefined : `${answer} ${words}`;
}

export function weSay(btf: Btf, { place }: CallProgram, insns: readonly Insn[]): string {
  const { type, attachType = 0, typeId } = place;
  const target = typeId === undefined ? undefined : { btf, typeId };
  const more = { flags: flagsOf(type), gpl: true, maps: new Map(), usedMaps: [], kernelBtf: btf, target, cpus: 2 };
  const { errno, log } = verify({ insns, type, attachType, ...more }, 1);
  return errno === 0 ? 'ok' : `${errnoCode(errno)} ${lastWords(new TextEncoder().encode(`${log}\0`))}`;
}

export function insnsOf({ place, calls }: CallProgram): Insn[] {
  const isTyped = place.typeId !== undefined;
  const isIterator = place.attachType === attachTypeNumber.trace_iter;
  const lines = [
    'r6 = r1',
    isTyped ? 'r7 = *(u64 *)(r1 + 0)' : 'r7 = *(u32 *)(r1 + 0)',
    ...(isIterator ? ['if r7 != 0 goto +2', 'r0 = 0', 'exit'] : []),
    ...[8, 16, 24, 32, 40, 48, 56, 64].map((offset) => `*(u64 *)(r10 - ${offset}) = 0`),
    'r8 = 0',
    'r9 = 3',
    ...calls.flatMap(({ args }) => [...args.flatMap(argument), 'call 1']),
    'r0 = 0',
    'exit',
  ];
  let call = 0;
  return parseAssembly(lines.join('\n')).map((insn) =>
    insn.opcode === CALL ? { ...insn, ...calls[call++]?.insn } : insn,
  );
}

export function readInsns(argument: number): Insn[] {
  return parseAssembly(`r1 = *(u64 *)(r1 + ${8 * argument})\nr1 = *(u8 *)(r1 + 0)\nr0 = 0\nexit`);
}

function argument(value: string, index: number): readonly string[] {
  const register = `r${index + 1}`;
  const offset = /^fp(-\d+)$/.exec(value)?.[1];
  return offset === undefined ? [`${register} = ${value}`] : [`${register} = r10`, `${register} += ${offset}`];
}

function argumentsOf(count: number): fc.Arbitrary<string[]> {
  return fc.array(fc.constantFrom(...VALUES), { minLength: count, maxLength: count });
}

function flagsOf(type: ProgType): number {
  return type === 'syscall' ? BPF_F_SLEEPABLE : 0;
}

function kfuncsOf(btf: Btf): [id: number, params: number][] {
  const found: [number, number][] = [];
  for (let id = 1; id < btf.typeCount; id++) {
    const tag = btf.type(id);
    if (tag.kind !== 'decl_tag' || tag.name !== 'bpf_kfunc') continue;
    const func = btf.type(tag.typeId);
    if (func.kind === 'func') found.push([tag.typeId, Math.min(paramsOf(btf, func.typeId), 5)]);
  }
  return found;
}

function paramsOf(btf: Btf, typeId: number): number {
  const proto = btf.type(typeId);
  return proto.kind === 'func_proto' ? proto.params.length : 0;
}

function pointedParamsOf(btf: Btf, typeId: number): number {
  const pointer = btf.resolve(typeId);
  const pointed = pointer.kind === 'ptr' ? btf.resolve(pointer.typeId) : undefined;
  return pointed?.kind === 'func_proto' ? pointed.params.length : 0;
}

function placesOf(btf: Btf): readonly Place[] {
  const plain: readonly ProgType[] = [
    ...([
      'socket_filter',
      'sched_cls',
      'sched_act',
      'xdp',
      'kprobe',
      'tracepoint',
      'raw_tracepoint',
      'perf_event',
    ] as const),
    ...(['cgroup_skb', 'lwt_in', 'lwt_xmit', 'lwt_seg6local', 'sk_skb', 'syscall'] as const),
  ];
  const hooks = [
    ...([
      ['cgroup_sock_addr', 'cgroup_inet4_connect'],
      ['sock_ops', 'cgroup_sock_ops'],
      ['sk_msg', 'sk_msg_verdict'],
    ] as const),
    ...([
      ['sk_lookup', 'sk_lookup'],
      ['netfilter', 'netfilter'],
      ['cgroup_sock', 'cgroup_inet_sock_create'],
    ] as const),
    ...([
      ['cgroup_sockopt', 'cgroup_setsockopt'],
      ['cgroup_sysctl', 'cgroup_sysctl'],
      ['cgroup_device', 'cgroup_device'],
    ] as const),
    ...([
      ['flow_dissector', 'flow_dissector'],
      ['sk_reuseport', 'sk_reuseport_select'],
      ['kprobe', 'trace_kprobe_session'],
    ] as const),
  ];
  const typed = [
    ['tracing', 'trace_raw_tp', btf.find('typedef', 'btf_trace_task_newtask')],
    ['tracing', 'trace_raw_tp', btf.find('typedef', 'btf_trace_cgroup_mkdir')],
    ['tracing', 'trace_iter', btf.find('func', 'bpf_iter_task')],
    ['tracing', 'trace_iter', btf.find('func', 'bpf_iter_tcp')],
  ] as const;
  const ops = btf.find('struct', 'tcp_congestion_ops');
  return [
    ...plain.map((type) => ({ type })),
    ...hooks.map(([type, hook]) => ({ type, attachType: attachTypeNumber[hook] })),
    ...typed.flatMap(([type, hook, typeId]) =>
      typeId === undefined ? [] : [{ type, attachType: attachTypeNumber[hook], typeId }],
    ),
    ...(ops === undefined ? [] : [{ type: 'struct_ops' as const, attachType: 0, typeId: ops }]),
  ];
}
