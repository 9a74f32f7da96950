import type { PacketLab } from '../../src/sys/lab.ts';
import { mapTypeNumber } from '../../src/uapi/bpf.ts';
import { XDP_FLAGS_DRV_MODE } from '../../src/uapi/netlink.ts';
import { I } from '../support/bytecode.ts';
import { FRAME } from './packets.ts';
import { u32 } from './session.ts';
import { OURS_XDP, type XdpBench } from './xdp.ts';

const KINDS = 4;
/** Byte 20 of a frame says which element of a map counts it. */
const AT = 20;
const FRAMES = Array.from({ length: 70 }, (_, n) =>
  Uint8Array.from(FRAME, (byte, at) => (at === AT ? n % KINDS : byte)),
);

/** What {@link sentTogether} counts: each frame is sent both ways. */
export const TOGETHER: readonly bigint[] = [36n, 36n, 34n, 34n];

/** Counts frames of each kind with an XDP program of x1, which all are sent to by two calls: by the wire, and by the host at the other end. */
export function sentTogether(bench: XdpBench, lab: PacketLab): bigint[] {
  const { kernel } = bench;
  const map_fd = bench.create({ map_type: mapTypeNumber.array, key_size: 4, value_size: 8, max_entries: KINDS });
  const count = [
    I.load(4, 2, 1, 0),
    I.load(4, 3, 1, 4),
    I.movReg(4, 2),
    I.add(4, AT + 1),
    { opcode: 0x2d, dst: 4, src: 3, off: 11 }, // shorter: to the end
    I.load(1, 5, 2, AT),
    I.store(4, 10, -4, 5),
    I.mapFd(1, map_fd),
    I.movReg(2, 10),
    I.add(2, -4),
    I.call(1),
    I.jeq(0, 0, 3),
    I.load(8, 1, 0, 0),
    I.add(1, 1),
    I.store(8, 0, 0, 1),
    I.mov(0, 2),
    I.exit,
  ];
  bench.set('x1', bench.prog('xdp', [...OURS_XDP, ...count]), XDP_FLAGS_DRV_MODE);
  lab.sendAll('x1', 'ingress', FRAMES);
  lab.sendAll('x0', 'egress', FRAMES);
  const read = () =>
    Array.from({ length: KINDS }, (_, n) => {
      const value = new Uint8Array(8);
      kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key: u32(n), value });
      return new DataView(value.buffer).getBigUint64(0, true);
    });
  bench.settled(() => read().join());
  bench.set('x1', -1, XDP_FLAGS_DRV_MODE);
  return read();
}
