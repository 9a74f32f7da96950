import { errno } from '../../../uapi/errno.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { Machine } from '../machine.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Timer } from '../timers.ts';
import type { BpfMap } from './map.ts';

/** Milliseconds that setTimeout can count. */
const MAX_TIMEOUT = 2 ** 31 - 1;
const NS_PER_MS = 1_000_000n;
/** CLOCK_REALTIME on this kernel is that of the host. */
export type TimerClock = 'since boot' | 'real time';

/** One bpf_timer that was initialised. */
interface MapTimer {
  readonly map: BpfMap;
  /** Address of the value that it is in. */
  readonly value: number;
  readonly clock: TimerClock;
  /** Held, as long as the timer may call it. */
  program: BpfProg | undefined;
  /** Slot of the callback. */
  func: number;
  /** `undefined`: it is not started. */
  pending: Timer | undefined;
}

/**
 * The timers in the values of maps. They are kept beside the memory, by the address of their field: what a program writes over a field changes nothing.
 * They fire when time is looked at: when the lab moves a manual clock, at each system call, and, on a clock that runs, in between when the host has time.
 */
export class MapTimers {
  readonly #machine: Machine;
  readonly #timers = new Map<number, MapTimer>();
  /** The one whose callback runs. */
  #running: MapTimer | undefined;
  #alarm: ReturnType<typeof setTimeout> | undefined;
  /** Nanoseconds since boot at which the alarm goes. */
  #alarmAt: bigint | undefined;
  /** Address of 8 bytes for keys. */
  #room = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** bpf_timer_init. */
  init(address: number, map: BpfMap, value: number, clock: TimerClock): number {
    if (this.#timers.has(address)) return -errno.EBUSY;
    if (map.users === 0) return -errno.EPERM;
    this.#timers.set(address, { map, value, clock, program: undefined, func: 0, pending: undefined });
    return 0;
  }

  setCallback(address: number, program: BpfProg, func: number): number {
    const timer = this.#timers.get(address);
    if (timer === undefined) return -errno.EINVAL;
    if (timer.map.users === 0) return -errno.EPERM;
    program.get();
    timer.program?.put();
    timer.program = program;
    timer.func = func;
    return 0;
  }

  /** bpf_timer_start: `ns` from now, or of its clock if `absolute`. */
  start(address: number, ns: bigint, absolute: boolean): number {
    const timer = this.#timers.get(address);
    if (timer?.program === undefined) return -errno.EINVAL;
    const now = this.#machine.clock.now();
    const realTime = timer.clock === 'real time' ? BigInt(Date.now()) * NS_PER_MS - now : 0n;
    const { timers } = this.#machine;
    timers.cancel(timer.pending);
    timer.pending = timers.at(absolute ? ns - realTime : now + ns, () => this.#call(timer));
    if (timer.pending === undefined) return -errno.ENOMEM;
    this.#setAlarm(timer.pending.at);
    return 0;
  }

  /** bpf_timer_cancel: 1 if it was started. */
  cancel(address: number): number {
    const timer = this.#timers.get(address);
    if (timer === undefined) return -errno.EINVAL;
    if (timer === this.#running) return -errno.EDEADLK;
    const wasStarted = timer.pending !== undefined;
    this.#stop(timer);
    return wasStarted ? 1 : 0;
  }

  /** The element that the timer is in goes. */
  end(address: number): void {
    const timer = this.#timers.get(address);
    if (timer === undefined) return;
    this.#timers.delete(address);
    this.#stop(timer);
    if (this.#timers.size === 0) this.stop();
  }

  /** No fd and no pin leads to the map any more. */
  endAll(map: BpfMap): void {
    for (const [address, timer] of this.#timers) if (timer.map === map) this.end(address);
  }

  /** The machine ends: nothing fires any more by itself. */
  stop(): void {
    clearTimeout(this.#alarm);
    this.#alarm = undefined;
    this.#alarmAt = undefined;
  }

  #stop(timer: MapTimer): void {
    this.#machine.timers.cancel(timer.pending);
    timer.pending = undefined;
    timer.program?.put();
    timer.program = undefined;
  }

  #call(timer: MapTimer): void {
    const { map, value, program, func } = timer;
    timer.pending = undefined;
    if (program === undefined) return;
    if (this.#room === 0) this.#room = this.#machine.memory.alloc(8);
    program.get();
    map.get();
    this.#running = timer;
    try {
      interpreterOf(this.#machine).runCallback(program, func, [map.address, map.keyOf(value, this.#room), value]);
    } finally {
      this.#running = undefined;
      map.put();
      program.put();
    }
  }

  /** On a clock that runs, timers fire also while nobody calls. */
  #setAlarm(at: bigint): void {
    const { clock } = this.#machine;
    if (clock.manual || (this.#alarmAt !== undefined && this.#alarmAt <= at)) return;
    clearTimeout(this.#alarm);
    this.#alarmAt = at;
    const ms = Math.max(0, Math.ceil(Number(at - clock.now()) / Number(NS_PER_MS)));
    const alarm: { unref?: () => void } & ReturnType<typeof setTimeout> = setTimeout(
      () => this.#ring(),
      Math.min(ms, MAX_TIMEOUT),
    );
    // A timer of a map does not keep the process alive. Browsers have numbers here.
    alarm.unref?.();
    this.#alarm = alarm;
  }

  #ring(): void {
    this.#alarmAt = undefined;
    this.#machine.timers.runDue();
    let next: bigint | undefined;
    for (const { pending } of this.#timers.values())
      if (pending !== undefined && (next === undefined || pending.at < next)) next = pending.at;
    if (next !== undefined) this.#setAlarm(next);
  }
}
