import type { StructValue } from '../../../bytes/struct.ts';
import { linkTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { bpfLinkInfo } from '../../../uapi/info.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { ProbeEvent } from '../trace/probe-event.ts';
import type { Attached } from '../trace/trace-point.ts';
import type { Tracepoint } from '../trace/tracing.ts';
import { type LinkText, ProgLink } from './link.ts';

type Info = Partial<StructValue<typeof bpfLinkInfo.fields>>;

/** A program at a raw tracepoint. */
export class RawTracepointLink extends ProgLink {
  readonly type = linkTypeNumber.raw_tracepoint;
  readonly #tracepoint: Tracepoint;
  readonly #attached: Attached;

  constructor(prog: BpfProg, tracepoint: Tracepoint, cookie: bigint) {
    super(prog.machine, prog);
    this.#tracepoint = tracepoint;
    this.#attached = { prog, cookie, cpu: -1, pid: -1, enabled: () => true };
  }

  /** 0 or -errno. */
  attach(): number {
    return this.#tracepoint.rawPrograms.attach(this.#attached);
  }

  override update(): number {
    return -errno.EINVAL;
  }
  override get detachable(): boolean {
    return false;
  }
  override detach(): void {
    this.#tracepoint.rawPrograms.detach(this.#attached);
  }

  override info(): Info {
    return { 'raw_tracepoint.cookie': this.#attached.cookie };
  }
  override text(): LinkText {
    return {
      pointer: 'raw_tracepoint.tp_name',
      length: 'raw_tracepoint.tp_name_len',
      text: this.#tracepoint.name,
    };
  }
  override fdinfo(): readonly (readonly [string, string | number | bigint])[] {
    return [
      ['tp_name', this.#tracepoint.name],
      ['cookie', this.#attached.cookie],
    ];
  }
}

/** BPF_PERF_EVENT_* of struct bpf_link_info. */
const PERF_KIND = { kprobe: 3, kretprobe: 4, tracepoint: 5, event: 6 } as const;

/** A program on a perf event, which the link holds. */
export class PerfLink extends ProgLink {
  readonly type = linkTypeNumber.perf_event;
  readonly #event: ProbeEvent;
  readonly #cookie: bigint;
  #attached = false;

  constructor(prog: BpfProg, event: ProbeEvent, cookie: bigint) {
    super(prog.machine, prog);
    this.#event = event.get();
    this.#cookie = cookie;
  }

  attach(): number {
    const result = this.#event.attach(this.prog, this.#cookie);
    this.#attached = result === 0;
    return result;
  }

  override update(): number {
    return -errno.EINVAL;
  }
  override get detachable(): boolean {
    return false;
  }
  override detach(): void {
    if (this.#attached) this.#event.detach();
    this.#attached = false;
    this.#event.put();
  }

  override info(): Info {
    const { kind, type, config, address } = this.#event.place;
    const common: Info = { 'perf_event.type': PERF_KIND[kind] };
    if (kind === 'tracepoint') return { ...common, 'perf_event.tracepoint.cookie': this.#cookie };
    if (kind === 'event')
      return {
        ...common,
        'perf_event.event.type': type,
        'perf_event.event.config': config,
        'perf_event.event.cookie': this.#cookie,
      };
    return { ...common, 'perf_event.kprobe.addr': address, 'perf_event.kprobe.cookie': this.#cookie };
  }
  override text(): LinkText | undefined {
    const { kind, name: text } = this.#event.place;
    if (kind === 'event') return undefined;
    return kind === 'tracepoint'
      ? { pointer: 'perf_event.tracepoint.tp_name', length: 'perf_event.tracepoint.name_len', text }
      : { pointer: 'perf_event.kprobe.func_name', length: 'perf_event.kprobe.name_len', text };
  }
  override fdinfo(): readonly (readonly [string, string | number | bigint])[] {
    const { kind, type, config, name, address } = this.#event.place;
    const cookie = ['cookie', this.#cookie] as const;
    if (kind === 'tracepoint') return [['tp_name', name], ['event_type', kind], cookie];
    if (kind === 'event') return [['type', type], ['config', config], ['event_type', kind], cookie];
    return [
      ['name', name],
      ['event_type', kind],
      ['offset', '0x0'],
      ['missed', 0],
      ['addr', `0x${address.toString(16)}`],
      cookie,
    ];
  }
}
