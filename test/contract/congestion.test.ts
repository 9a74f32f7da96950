import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { attachTypeNumber, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { createEmbeddedNetBench } from '../support/embedded-net-bench.ts';
import { Control, congestionRows, connect } from './congestion.ts';
import { SocketBench } from './sockets.ts';

const SECOND = 1_000_000_000n;

// On Linux the same: congestion.netns.ts.
describe('congestion controls on embedded', () => {
  const bench = createEmbeddedNetBench();
  afterAll(() => bench[Symbol.dispose]());
  const sockets = new SocketBench(bench);
  afterEach(() => {
    sockets.end();
    // Until nobody is at the ports any more.
    bench.lab.clock.advance(200n * SECOND);
  });
  it.for(congestionRows)('%s', ([_name, run, want]) => {
    expect(run(sockets)).toEqual(want);
  });

  /** Loses what comes to a device of `side` until it is closed. */
  function lose(side: 'a' | 'b', device: string): Disposable {
    const kernel = bench.kernel(side);
    const insns = bytecode(I.mov(0, 1), I.exit);
    const prog_fd = kernel.bpf('BPF_PROG_LOAD', { prog_type: progTypeNumber.xdp, insns, insn_cnt: 2, license: 'GPL' });
    const target_ifindex =
      bench.lab
        .namespace(side)
        .devices()
        .find(({ name }) => name === device)?.ifindex ?? 0;
    const link = kernel.bpf('BPF_LINK_CREATE', { prog_fd, target_ifindex, attach_type: attachTypeNumber.xdp });
    return {
      [Symbol.dispose]() {
        for (const fd of [link, prog_fd] as Fd[]) kernel.close(fd);
      },
    };
  }

  it('what is lost halves the window, and the next answers make it grow', () => {
    using control = new Control(sockets, 'skep_reno');
    const [client, server] = connect(sockets, 'skep_reno');
    {
      using _lost = lose('b', 'v1');
      expect(client.send(new Uint8Array(20_000))).toBe(20_000);
      bench.lab.clock.advance(SECOND / 4n);
      expect([control.calls('ssthresh'), control.number('last_event')]).toEqual([1, 3]);
      expect([control.calls('state'), control.number('last_state')]).toEqual([1, 4]);
      bench.lab.clock.advance(SECOND / 2n);
      // A window is only halved once for what is lost together.
      expect([control.calls('ssthresh'), control.calls('state')]).toEqual([1, 2]);
    }
    bench.lab.clock.advance(SECOND);
    let received = 0;
    for (let part = server.receive(); part !== undefined; part = server.receive()) received += part.data.length;
    expect(received).toBe(20_000);
    expect([control.number('last_state'), control.number('threshold'), control.calls('undo')]).toEqual([0, 5, 0]);
    expect(control.number('window')).toBeGreaterThanOrEqual(5);
  });

  it('nothing was lost where the answer is to what was sent first', () => {
    using control = new Control(sockets, 'skep_reno');
    const [client] = connect(sockets, 'skep_reno');
    {
      using _lost = lose('a', 'v0');
      client.send(new Uint8Array(100));
    }
    expect(control.calls('state')).toBe(0);
    bench.lab.clock.advance(SECOND / 4n);
    expect([control.calls('ssthresh'), control.calls('undo'), control.number('last_state')]).toEqual([1, 1, 0]);
    expect([control.number('window'), control.number('threshold')]).toEqual([10, 0x7fffffff]);
  });

  it('no more is on its way than a program says', () => {
    using control = new Control(sockets, 'skep_own');
    const [client] = connect(sockets, 'skep_own');
    const frames = bench.capture('b', 'v1');
    using _lost = lose('a', 'v0');
    client.send(new Uint8Array(20_000));
    expect(frames()).toHaveLength(3);
    expect(control.calls('control')).toBe(1);
  });
});
