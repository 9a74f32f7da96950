import { expect } from 'vitest';
import type { CgroupBench } from './cgroup-programs.ts';
import { option, pass, Stage } from './socket-helpers.ts';

const [SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP, IPPROTO_IPV6] = [1, 0, 6, 41];
type Kind = 'udp' | 'tcp' | 'tcp6' | 'udp6';

/** What bpf_setsockopt answers to a number, what bpf_getsockopt then, and what it reads. */
type Answer = readonly [value: number, set: number, get: number, read: number];
export type OptionRow = readonly [
  name: string,
  level: number,
  option: number,
  kind: Kind,
  ...answers: readonly Answer[],
];

// biome-ignore format: aligned table
export const socketOptionRows: readonly OptionRow[] = [
  ['SO_REUSEADDR, udp', SOL_SOCKET, 2, 'udp', [1, 0, 0, 1], [0, 0, 0, 0], [5, 0, 0, 1]],
  ['SO_SNDBUF, udp', SOL_SOCKET, 7, 'udp', [10000, 0, 0, 20000], [1, 0, 0, 4608], [-1, 0, 0, 8388608]],
  ['SO_SNDBUF, tcp', SOL_SOCKET, 7, 'tcp', [10000, 0, 0, 20000], [1, 0, 0, 4608], [-1, 0, 0, 8388608]],
  ['SO_RCVBUF, udp', SOL_SOCKET, 8, 'udp', [10000, 0, 0, 20000], [1, 0, 0, 2304], [-1, 0, 0, 8388608]],
  ['SO_RCVBUF, tcp', SOL_SOCKET, 8, 'tcp', [10000, 0, 0, 20000], [1, 0, 0, 2304], [-1, 0, 0, 8388608]],
  ['SO_KEEPALIVE, tcp', SOL_SOCKET, 9, 'tcp', [1, 0, 0, 1], [0, 0, 0, 0]],
  ['SO_KEEPALIVE, udp', SOL_SOCKET, 9, 'udp', [1, 0, 0, 1], [0, 0, 0, 0]],
  ['SO_PRIORITY, tcp', SOL_SOCKET, 12, 'tcp', [3, 0, 0, 3], [-1, 0, 0, 4294967295]],
  ['SO_REUSEPORT, tcp', SOL_SOCKET, 15, 'tcp', [1, 0, 0, 1]],
  ['SO_RCVLOWAT, tcp', SOL_SOCKET, 18, 'tcp', [100, 0, 0, 100], [0, 0, 0, 1], [-1, 0, 0, 16777216]],
  ['SO_RCVLOWAT, udp', SOL_SOCKET, 18, 'udp', [100, 0, 0, 100], [0, 0, 0, 1], [-1, 0, 0, 2147483647]],
  ['SO_MARK, tcp', SOL_SOCKET, 36, 'tcp', [-1, 0, 0, 4294967295]],
  ['SO_BINDTODEVICE, tcp', SOL_SOCKET, 25, 'tcp', [0x6f6c, 0, -22, 0], [0x7878, -19, -22, 0], [0, 0, -22, 0]],
  ['SO_MAX_PACING_RATE, tcp', SOL_SOCKET, 47, 'tcp', [100000, 0, 0, 100000], [-1, 0, 0, 4294967295]],
  ['SO_BINDTOIFINDEX, tcp', SOL_SOCKET, 62, 'tcp', [1, 0, 0, 1], [0, 0, 0, 0], [-1, -22, 0, 0], [77, 0, 0, 77]],
  ['SO_BINDTOIFINDEX, udp', SOL_SOCKET, 62, 'udp', [1, 0, 0, 1], [0, 0, 0, 0], [-1, -22, 0, 0], [77, 0, 0, 77]],
  ['SO_TXREHASH, tcp', SOL_SOCKET, 74, 'tcp', [1, 0, 0, 1], [0, 0, 0, 0], [2, -22, 0, 1]],
  ['SO_LINGER, tcp', SOL_SOCKET, 13, 'tcp', [1, -22, -22, 0]],
  ['SO_OOBINLINE, tcp', SOL_SOCKET, 10, 'tcp', [1, -22, -22, 0]],
  ['TCP_NODELAY, tcp', IPPROTO_TCP, 1, 'tcp', [1, 0, 0, 1], [0, 0, 0, 0], [5, 0, 0, 1]],
  ['TCP_NODELAY, tcp6', IPPROTO_TCP, 1, 'tcp6', [1, 0, 0, 1], [0, 0, 0, 0], [5, 0, 0, 1]],
  ['TCP_MAXSEG, tcp', IPPROTO_TCP, 2, 'tcp', [1000, 0, 0, 1000], [87, -22, 0, 536], [88, 0, 0, 88], [0, 0, 0, 536], [32767, 0, 0, 32767], [32768, -22, 0, 536]],
  ['TCP_CORK, tcp', IPPROTO_TCP, 3, 'tcp', [1, -22, -22, 0]],
  ['TCP_KEEPIDLE, tcp', IPPROTO_TCP, 4, 'tcp', [10, 0, 0, 10], [0, -22, 0, 7200], [32767, 0, 0, 32767], [32768, -22, 0, 7200]],
  ['TCP_KEEPIDLE, udp', IPPROTO_TCP, 4, 'udp', [10, -22, -22, 0], [0, -22, -22, 0], [32767, -22, -22, 0], [32768, -22, -22, 0]],
  ['TCP_KEEPINTVL, tcp', IPPROTO_TCP, 5, 'tcp', [10, 0, 0, 10], [0, -22, 0, 75], [32768, -22, 0, 75]],
  ['TCP_KEEPCNT, tcp', IPPROTO_TCP, 6, 'tcp', [10, 0, 0, 10], [0, -22, 0, 9], [127, 0, 0, 127], [128, -22, 0, 9]],
  ['TCP_SYNCNT, tcp', IPPROTO_TCP, 7, 'tcp', [3, 0, 0, 3], [0, -22, 0, 6], [127, 0, 0, 127], [128, -22, 0, 6]],
  ['TCP_WINDOW_CLAMP, tcp', IPPROTO_TCP, 10, 'tcp', [20000, 0, 0, 20000], [0, 0, 0, 0], [100, 0, 0, 1152]],
  ['TCP_QUICKACK, tcp', IPPROTO_TCP, 12, 'tcp', [1, -22, -22, 0]],
  ['TCP_THIN_LINEAR_TIMEOUTS, tcp', IPPROTO_TCP, 16, 'tcp', [1, 0, 0, 1], [2, -22, 0, 0]],
  ['TCP_USER_TIMEOUT, tcp', IPPROTO_TCP, 18, 'tcp', [5000, 0, 0, 5000], [0, 0, 0, 0], [-1, -22, 0, 0]],
  ['TCP_NOTSENT_LOWAT, tcp', IPPROTO_TCP, 25, 'tcp', [1000, 0, 0, 1000], [0, 0, 0, 0]],
  ['TCP_SAVE_SYN, tcp', IPPROTO_TCP, 27, 'tcp', [1, 0, 0, 1], [2, 0, 0, 2], [3, -22, 0, 0]],
  ['TCP_RTO_MAX_MS, tcp', IPPROTO_TCP, 44, 'tcp', [2000, 0, 0, 2000], [999, -22, 0, 120000]],
  ['TCP_BPF_IW, tcp', IPPROTO_TCP, 1001, 'tcp', [5, 0, -22, 0], [0, -22, -22, 0]],
  ['TCP_BPF_SNDCWND_CLAMP, tcp', IPPROTO_TCP, 1002, 'tcp', [5, 0, -22, 0], [0, -22, -22, 0]],
  ['TCP_BPF_DELACK_MAX, tcp', IPPROTO_TCP, 1003, 'tcp', [5000, 0, 0, 8000], [0, -22, 0, 200000], [1000000, -22, 0, 200000]],
  ['TCP_BPF_RTO_MIN, tcp', IPPROTO_TCP, 1004, 'tcp', [5000, 0, 0, 8000], [0, -22, 0, 200000], [1000000, -22, 0, 200000]],
  ['TCP_BPF_SOCK_OPS_CB_FLAGS, tcp', IPPROTO_TCP, 1008, 'tcp', [4, 0, 0, 4], [255, -22, 0, 0]],
  ['TCP_CONGESTION, tcp', IPPROTO_TCP, 13, 'tcp', [1869505906, 0, 0, 7234930]],
  ['IP_TOS, udp', IPPROTO_IP, 1, 'udp', [16, 0, 0, 16], [3, 0, 0, 3], [255, 0, 0, 255], [256, 0, 0, 0], [-1, 0, 0, 255]],
  ['IP_TOS, tcp', IPPROTO_IP, 1, 'tcp', [16, 0, 0, 16], [3, 0, 0, 0], [255, 0, 0, 252], [256, 0, 0, 0], [-1, 0, 0, 252]],
  ['IP_TOS, udp6', IPPROTO_IP, 1, 'udp6', [16, 0, 0, 16], [3, 0, 0, 3], [255, 0, 0, 255], [256, 0, 0, 0], [-1, 0, 0, 255]],
  ['IP_TTL, tcp', IPPROTO_IP, 2, 'tcp', [16, -22, -22, 0]],
  ['IPV6_TCLASS, udp6', IPPROTO_IPV6, 67, 'udp6', [16, 0, 0, 16], [3, 0, 0, 3], [255, 0, 0, 255], [256, -22, 0, 0], [-1, 0, 0, 0]],
  ['IPV6_TCLASS, tcp6', IPPROTO_IPV6, 67, 'tcp6', [16, 0, 0, 16], [3, 0, 0, 0], [255, 0, 0, 252], [256, -22, 0, 0], [-1, 0, 0, 0]],
  ['IPV6_TCLASS, udp', IPPROTO_IPV6, 67, 'udp', [16, -22, -22, 0], [3, -22, -22, 0], [255, -22, -22, 0], [256, -22, -22, 0], [-1, -22, -22, 0]],
  ['IPV6_AUTOFLOWLABEL, udp6', IPPROTO_IPV6, 70, 'udp6', [1, 0, 0, 1], [0, 0, 0, 0]],
  ['IPV6_V6ONLY, udp6', IPPROTO_IPV6, 26, 'udp6', [1, -22, -22, 0]],
];

export function expectOptionRow(bench: CgroupBench, [, level, name, kind, ...answers]: OptionRow): void {
  using stage = new Stage(bench);
  const six = kind.endsWith('6');
  const got = answers.map(([value]): readonly number[] => {
    const [, ...told] = stage.run(
      six ? 'cgroup_inet6_connect' : 'cgroup_inet4_connect',
      [...option(level, name, value), ...pass],
      3,
      (on) =>
        on
          .socket(kind.startsWith('tcp') ? 'tcp' : 'udp', six ? 'inet6' : undefined)
          .connect({ address: six ? '::1' : '127.0.0.1', port: 9 }),
    );
    return [value, ...told.map(Number)];
  });
  expect(got).toEqual(answers);
}
