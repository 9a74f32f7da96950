import type { HelperEnv } from '../helpers/helper.ts';
import type { CongestionControl } from '../sockets/congestion-control.ts';
import type { Socket } from '../sockets/socket.ts';
import { kfunc } from './kfunc.ts';

// What programs build congestion controls from. Source: net/ipv4/tcp_cong.c.

/** The windows of a socket. A program that no verifier has seen may call with any. */
function controlOf(env: HelperEnv, socket: Socket): CongestionControl | undefined {
  if (socket.control === undefined) env.fail('R1 of the call is no socket of TCP');
  return socket.control;
}

const inSlowStart = (control: CongestionControl) => control.read('snd_cwnd') < control.read('snd_ssthresh');

function grow(control: CongestionControl, window: number): void {
  control.write('snd_cwnd', Math.min(window, control.read('snd_cwnd_clamp')));
}

/** By as much as was acknowledged, up to the threshold; what is left. */
function slowStart(control: CongestionControl, acked: number): number {
  const before = control.read('snd_cwnd');
  const window = Math.min(before + (acked >>> 0), control.read('snd_ssthresh'));
  grow(control, window);
  return ((acked >>> 0) - (window - before)) >>> 0;
}

/** By one for each `per` that were acknowledged. */
function growSlowly(control: CongestionControl, per: number, acked: number): void {
  const wanted = Math.max(1, per >>> 0);
  let [window, count] = [control.read('snd_cwnd'), control.read('snd_cwnd_cnt')];
  if (count >= wanted) {
    count = 0;
    window++;
  }
  count += acked >>> 0;
  const more = Math.floor(count / wanted);
  control.write('snd_cwnd_cnt', count - more * wanted);
  grow(control, window + more);
}

/** Whether it was the window that kept more from being sent. */
function isLimited(control: CongestionControl): boolean {
  const sent = control.read('max_packets_out');
  return inSlowStart(control) ? control.read('snd_cwnd') < 2 * sent : sent >= control.read('snd_cwnd');
}

export const tcp_reno_ssthresh = kfunc('u32 tcp_reno_ssthresh(struct sock *sk)', {
  args: ['sock'],
  returns: 'integer',
  call: (env, socket) => Math.max((controlOf(env, socket)?.read('snd_cwnd') ?? 0) >>> 1, 2),
});

export const tcp_reno_cong_avoid = kfunc('void tcp_reno_cong_avoid(struct sock *sk, u32 ack, u32 acked)', {
  args: ['sock', 'anything', 'anything'],
  returns: 'void',
  call(env, socket, _ack, acked) {
    const control = controlOf(env, socket);
    if (control === undefined || !isLimited(control)) return 0;
    const left = inSlowStart(control) ? slowStart(control, acked) : acked;
    if (left !== 0) growSlowly(control, control.read('snd_cwnd'), left);
    return 0;
  },
});

export const tcp_reno_undo_cwnd = kfunc('u32 tcp_reno_undo_cwnd(struct sock *sk)', {
  args: ['sock'],
  returns: 'integer',
  call(env, socket) {
    const control = controlOf(env, socket);
    return Math.max(control?.read('snd_cwnd') ?? 0, control?.read('prior_cwnd') ?? 0) | 0;
  },
});

export const tcp_slow_start = kfunc('u32 tcp_slow_start(struct tcp_sock *tp, u32 acked)', {
  args: ['sock', 'anything'],
  returns: 'integer',
  call(env, socket, acked) {
    const control = controlOf(env, socket);
    return control === undefined ? 0 : slowStart(control, acked) | 0;
  },
});

export const tcp_cong_avoid_ai = kfunc('void tcp_cong_avoid_ai(struct tcp_sock *tp, u32 w, u32 acked)', {
  args: ['sock', 'anything', 'anything'],
  returns: 'void',
  call(env, socket, per, acked) {
    const control = controlOf(env, socket);
    if (control !== undefined) growSlowly(control, per, acked);
    return 0;
  },
});
