import type { Direction } from '../../../sys/lab.ts';
import type { Device } from './device.ts';

/** Frames that one capture keeps. */
const MAX_FRAMES = 65536;

export interface CapturedFrame {
  /** `ingress`: it came in; as the XDP program left it, before the filters. `egress`: it goes out, as the filters left it. */
  readonly direction: Direction;
  readonly bytes: Uint8Array;
}

/** What is seen on a device, as by tcpdump, until it is stopped: the first 65536 frames. */
export class Capture implements Disposable {
  readonly frames: CapturedFrame[] = [];
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
    device.captures.add(this);
  }

  see(direction: Direction, bytes: Uint8Array): void {
    if (this.frames.length < MAX_FRAMES) this.frames.push({ direction, bytes: bytes.slice() });
  }

  stop(): void {
    this.#device.captures.delete(this);
  }
  [Symbol.dispose](): void {
    this.stop();
  }
}
