import { describe } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { LENGTH, packetOutput } from './packet-output.ts';

// On Linux the same: packet-output.netns.ts.
describe('bytes of packets in events, on embedded', () => {
  const { kernel, lab } = createEmbeddedKernel();
  packetOutput(kernel, () => {
    const packet = new Uint8Array(LENGTH);
    packet.set([0x45, 0, LENGTH >> 8, LENGTH & 255]);
    using bytes = lab.trace.store(packet);
    using skb = lab.trace.storeStruct('sk_buff', { len: LENGTH, data: bytes.address });
    lab.trace.fire('netif_receive_skb', { args: [skb.address], process: kernel });
  });
});
