import { createEmbeddedKernel, type EmbeddedLab, type LabSocket } from '../../src/engine/embedded/index.ts';
import type { Process } from '../../src/engine/embedded/process.ts';
import { O_RDONLY } from '../../src/sys/kernel.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import type { BenchSocket, NetBench, Side } from '../contract/net-bench.ts';

/** Two namespaces of an embedded kernel. */
export function createEmbeddedNetBench(): NetBench & Disposable & { readonly lab: EmbeddedLab } {
  const embedded = createEmbeddedKernel({ clock: 'manual' });
  const { lab } = embedded;
  const spaces = { a: lab.createNamespace('a'), b: lab.createNamespace('b') };
  const kernels = { a: spaces.a.openProcess(), b: spaces.b.openProcess() };
  return {
    lab,
    kernel: (side) => kernels[side],
    netns: (side: Side, of: Side) => kernels[of].open(`/run/netns/${side}`, O_RDONLY),
    pid: (side) => (kernels[side] as Process).pid, // what the lab opens
    socket: (side, type, family = 'inet') => wrap(lab.socket(kernels[side], { type, family })),
    setForwarding(side, on) {
      spaces[side].forwarding = on;
    },
    setSynCookies: (side, when) => lab.cgroups.writeSysctl(kernels[side], 'net/ipv4/tcp_syncookies', String(when)),
    send: (side, device, frame) => spaces[side].send(device, 'egress', frame),
    capture(side, device) {
      const capture = spaces[side].capture(device);
      return () => {
        capture.stop();
        return capture.frames.filter(({ direction }) => direction === 'ingress').map(({ bytes }) => bytes);
      };
    },
    [Symbol.dispose]: () => embedded[Symbol.dispose](),
  };
}

function wrap(socket: LabSocket): BenchSocket {
  return {
    fd: socket.fd,
    cookie: socket.cookie,
    get name() {
      return socket.name;
    },
    get peer() {
      return socket.peer;
    },
    set: (option, value) =>
      socket.setOptions({ [option]: option === 'mark' || option === 'priority' ? value : value !== 0 }),
    setsockopt: (level, name, value) => socket.setsockopt(level, name, value),
    getsockopt: (level, name, buffer) => socket.getsockopt(level, name, buffer),
    bind: (address) => socket.bind(address),
    connect: (address) => socket.connect(address),
    listen: (backlog) => socket.listen(backlog),
    accept() {
      const child = socket.accept();
      return child && wrap(child);
    },
    send: (data, to) => socket.send(data, to),
    receive: (max) => socket.receive(max),
    attach: (what, prog) => (what === 'filter' ? socket.setFilter(prog as Fd) : socket.setReuseport(prog as Fd)), // of bpf(2)
    shutdown: (how) => socket.shutdown(how),
    close: () => socket.close(),
  };
}
