import { expect, it } from 'vitest';
import { attachTracing, load, openObject, openPerfBuffer } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { objectBytes } from '../support/objects.ts';

const [E2BIG, EFAULT, EINVAL] = [-7, -14, -22];
/** Bytes of an IPv4 packet that no other is as long as. */
export const LENGTH = 361;

/** The same program on every kernel. `receive`: a packet of {@link LENGTH} bytes comes in; its first bytes are 45 00 01 69. */
export function packetOutput(kernel: Kernel, receive: () => void): void {
  it('bytes of a packet behind an event', () => {
    const object = openObject(objectBytes('test/objects/packet_output.o'), { file: 'packet_output.o' });
    using loaded = load(kernel, object);
    loaded.globals.length = LENGTH;
    using perf = openPerfBuffer(loaded.map('events'));
    using _link = attachTracing(loaded.program('receives'));
    receive();
    expect((loaded.globals.seen as bigint[]).map(Number).slice(0, 6)).toEqual([1, 0, 0, EFAULT, EINVAL, E2BIG]); // __s64[8]
    const samples: Uint8Array[] = [];
    perf.consume(({ data }) => samples.push(data.slice()));
    const own = [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11];
    expect(samples.map((data) => [...data.subarray(0, 8)])).toEqual([own, own]);
    expect([...(samples[0]?.subarray(8, 12) ?? [])]).toEqual([0x45, 0, LENGTH >> 8, LENGTH & 255]);
    // Records are as long as makes the next one begin at a multiple of 8.
    expect(samples.map((data) => data.length)).toEqual([28, 12]);
  });
}
