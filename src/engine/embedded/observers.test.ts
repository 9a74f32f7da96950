import { describe, expect, it } from 'vitest';
import { addDevice, attachXdp, openProgram } from '../../loader/index.ts';
import type { LogEvent, PacketEvent } from '../../sys/watch.ts';
import { createEmbeddedKernel } from './index.ts';

/** `r0 = 1` (XDP_DROP), exit. */
const DROP = new Uint8Array([0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

describe('observe', () => {
  it('tells of frames at the hooks of devices, until it is ended', () => {
    const { kernel, lab } = createEmbeddedKernel();
    addDevice(kernel, { kind: 'veth', name: 'v0', peer: 'v1' });
    lab.setUp('v0');
    lab.setUp('v1');
    const seen: (PacketEvent | LogEvent)[] = [];
    const end = lab.observe((event) => seen.push(event));
    lab.send('v0', 'egress', new Uint8Array(60));
    const packet = { kind: 'packet', netns: lab.cookie, length: 60, verdict: -1 };
    expect(seen.splice(0)).toEqual([
      { ...packet, device: 'v0', ifindex: 3, direction: 'egress' },
      { ...packet, device: 'v1', ifindex: 2, direction: 'ingress' },
    ]);
    const attr = { prog_type: 6, insns: DROP, insn_cnt: 2, license: '' };
    const dropping = openProgram(kernel, { fd: kernel.bpf('BPF_PROG_LOAD', attr) });
    attachXdp(dropping, 'v1');
    lab.send('v1', 'ingress', new Uint8Array(60));
    expect(seen.splice(0)).toEqual([{ ...packet, device: 'v1', ifindex: 2, direction: 'ingress', verdict: 2, xdp: 1 }]);
    end();
    lab.send('v1', 'ingress', new Uint8Array(60));
    expect(seen).toEqual([]);
  });
});
