import type { BpfAttr } from '../../../uapi/attr.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Verdict } from '../interp/interpreter.ts';

export type TestRunAttr = BpfAttr<'BPF_PROG_TEST_RUN'>;

/** Milliseconds after which a repeated run is given up with EINTR, as Linux does when the caller is interrupted. */
const MAX_MILLISECONDS = 10_000;

/** Milliseconds that runs go on without a look at the clock: V8 puts faster code in place of slower only where it is entered. */
const STRETCH = 0.5;
const MAX_STRETCH = 1 << 20;

/**
 * Runs once, or `repeat` times, and says how long one run took on average: ns, 32 bits. Stops at a fault. -EINTR after ten seconds. `run`: runs so many times, one
 * after the other.
 */
export function repeatRun<V extends Verdict>(
  repeat: number | undefined,
  run: (times: number) => V,
): { readonly verdict: V; readonly duration: number } | number {
  const times = Math.max(1, repeat ?? 1);
  // The real clock, also where the machine's own is moved by hand.
  const start = performance.now();
  let verdict = run(1);
  let done = 1;
  let stretch = 1;
  for (let before = performance.now(); done < times && verdict.fault === undefined; ) {
    if (before - start > MAX_MILLISECONDS) return -errno.EINTR;
    const count = Math.min(stretch, times - done);
    verdict = run(count);
    done += count;
    const now = performance.now();
    if (now - before < STRETCH) stretch = Math.min(2 * stretch, MAX_STRETCH);
    else stretch = Math.max(1, stretch >> 1);
    before = now;
  }
  const average = Math.round(((performance.now() - start) * 1e6) / done);
  return { verdict, duration: Math.min(average, 0xffff_ffff) };
}

/** For {@link repeatRun}: what has to be made ready each time. */
export function eachTime<V extends Verdict>(run: () => V): (times: number) => V {
  return (times) => {
    let verdict = run();
    for (let left = times - 1; left > 0 && verdict.fault === undefined; left--) verdict = run();
    return verdict;
  };
}

/**
 * Copies the packet out as far as it fits, and sets `retval`, `duration` and the packet's whole size. 0, or -ENOSPC if it did not fit (with no
 * room at all nothing was asked for), or -EFAULT.
 */
export function finishData(attr: TestRunAttr, packet: Uint8Array, retval: number, duration: number): number {
  const room = attr.data_size_out ?? 0;
  const copied = room > 0 ? Math.min(room, packet.length) : packet.length;
  if (attr.data_out !== undefined) {
    if (attr.data_out.length < copied) return -errno.EFAULT;
    attr.data_out.set(packet.subarray(0, copied));
  }
  attr.data_size_out = packet.length;
  attr.retval = retval >>> 0;
  attr.duration = duration;
  return copied < packet.length ? -errno.ENOSPC : 0;
}

/** Likewise for the context; nothing happens where no room was given. */
export function finishContext(attr: TestRunAttr, context: Uint8Array): number {
  const { ctx_out: out, ctx_size_out: room = 0 } = attr;
  if (out === undefined) return 0;
  const copied = Math.min(room, context.length);
  if (out.length < copied) return -errno.EFAULT;
  out.set(context.subarray(0, copied));
  attr.ctx_size_out = context.length;
  return copied < context.length ? -errno.ENOSPC : 0;
}

/**
 * `ctx_in` as `size` bytes, zero where it is shorter; all zero if only `ctx_out` is given, `undefined` if neither is. -E2BIG if it is longer and
 * the rest is not zero, -EFAULT.
 */
export function readContext(attr: TestRunAttr, size: number): Uint8Array | undefined | number {
  const { ctx_in: given, ctx_size_in: length = 0 } = attr;
  if (given === undefined) return attr.ctx_out === undefined ? undefined : new Uint8Array(size);
  if (given.length < length) return -errno.EFAULT;
  if (given.subarray(size, Math.max(size, length)).some((byte) => byte !== 0)) return -errno.E2BIG;
  const context = new Uint8Array(size);
  context.set(given.subarray(0, Math.min(size, length)));
  return context;
}
