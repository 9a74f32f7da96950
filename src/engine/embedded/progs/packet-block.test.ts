import { describe, expect, it } from 'vitest';
import { progTypeNumber } from '../../../uapi/bpf.ts';
import { Machine } from '../machine.ts';
import { PacketBlock } from './packet-block.ts';
import { packetKind, xdpPackets } from './packet-kind.ts';
import { showSkBuff, showXdpBuff } from './show-packet.ts';
import { Skb } from './skb.ts';
import { PROG_TYPE_BY_NUMBER } from './table.ts';

const frame = (byte: number, length = 60): Uint8Array => new Uint8Array(length).fill(byte);

describe('a place for packets', () => {
  it('has a new XDP frame with nothing of the one before, in a namespace of its own', () => {
    const machine = new Machine();
    const [first, second] = [machine.namespaces.first, machine.namespaces.create('other')];
    if (second === undefined) throw new Error('there is room for a namespace');
    const kind = xdpPackets({ network: first, ifindex: 1 });
    using block = PacketBlock.create(machine, kind, 60, 2);
    for (const [i, network] of [first, second, first].entries()) {
      block?.put(1, xdpPackets({ network, ifindex: i + 1 }), frame(i));
      const buff = block?.packet(1);
      expect(buff?.netns === network).toBe(true); // of which no text is made
      expect([buff?.ifindex, buff?.hops.length, buff?.xdpBuff]).toEqual([i + 1, 0, 0]);
      expect(buff?.bytes()).toEqual(frame(i));
      expect(buff?.adjustHead(-100)).toBe(true);
      expect(buff?.bytes().subarray(0, 100)).toEqual(frame(0, 100));
      if (buff === undefined) continue;
      machine.memory.u8.fill(0xff, buff.data, buff.end);
      buff.hops = [{ kind: 'cpu', cpu: 0, prog: undefined }];
      expect(showXdpBuff(buff)).not.toBe(0);
    }
    expect(block?.packet(0)).toBeUndefined();
  });

  it('gives back what packets lead to, once', () => {
    const machine = new Machine();
    const type = PROG_TYPE_BY_NUMBER.get(progTypeNumber.sched_cls);
    const kind = type && packetKind(type);
    if (kind === undefined) throw new Error('filters are run on packets');
    using block = PacketBlock.create(machine, kind, 60, 1);
    for (let n = 0; n < 3; n++) {
      block?.put(0, kind, frame(n));
      const skb = block?.packet(0);
      if (!(skb instanceof Skb)) throw new Error('a filter has a socket buffer');
      expect(skb.splice(0, 0, 1000)).toBe(true);
      expect(showSkBuff(skb)).not.toBe(0);
    }
    block?.hide();
    block?.hide();
  });
});
