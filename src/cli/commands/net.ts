import { fromHex } from '../../bytes/hex.ts';
import { UsageError } from '../../errors.ts';
import { MAX_SENT } from '../../sys/lab.ts';
import { type Context, command } from '../command.ts';
import type { Words } from '../words.ts';
import { FrameSlices } from './frame-slices.ts';
import { readFrames } from './pcap-file.ts';

interface Sent {
  readonly device: string;
  readonly direction: string;
  readonly packets: number;
  readonly bytes: number;
}

export const netSend = command<Sent>({
  path: ['net', 'send'],
  usage: 'DEV {ingress | egress} {--hex DIGITS | --pcap FILE} [repeat N]',
  about: 'puts Ethernet frames on a device, as if they came from the wire (ingress) or were sent by the host (egress)',
  run(context, words) {
    const device = words.next('the name of the device');
    const direction = words.expect('ingress', 'egress');
    const frames = framesOf(context, words);
    const repeat = words.keyword('repeat') === undefined ? 1 : words.number('repeat', 1, 1_000_000);
    words.end();
    const slices = new FrameSlices(frames, MAX_SENT, repeat);
    for (let at = 0; at < slices.length; )
      at += slices.call(at, (some) => context.lab.sendAll(device, direction, some)).frames;
    const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
    return { device, direction, packets: repeat * frames.length, bytes: repeat * bytes };
  },
  text: ({ device, direction, packets, bytes }) =>
    `${packets} packet${packets === 1 ? '' : 's'}, ${bytes} bytes, to ${device} ${direction}`,
});

function framesOf(context: Context, words: Words): Uint8Array[] {
  if (words.exact('--hex', 'hex') !== undefined) {
    const digits = words.next('the frame, in hex digits');
    const frame = fromHex(digits);
    if (frame === undefined) throw new UsageError(`'${digits}' are no hex digits, two for each byte`);
    if (frame.length < 14)
      throw new UsageError(`a frame of ${frame.length} bytes is shorter than its Ethernet header, 14 bytes`);
    return [frame];
  }
  if (words.exact('--pcap', 'pcap') !== undefined) {
    return readFrames(context, words.next('the pcap file'));
  }
  throw new UsageError("'--hex DIGITS' or '--pcap FILE' is missing");
}
