import { SysError } from '../../../errors.ts';
import { errno } from '../../../uapi/errno.ts';
import { XDP_ABORTED } from '../../../uapi/xdp.ts';
import { type Interpreter, interpreterOf } from '../interp/interpreter.ts';
import { ETH_HLEN } from './frame.ts';
import type { BpfProg } from './prog.ts';
import { XDP_MAX_FRAME, XdpBuff } from './xdp-buff.ts';

/**
 * Runs an XDP program on one frame after the other, without a system call for each: for tests that try many. What a frame would come to on a device (redirects, what
 * is sent back) does not happen.
 */
export interface XdpRunner extends Disposable {
  /**
   * What the program returned; XDP_ABORTED if it did not end as it should (`lab.faults`). `frame`: 14 to 3520 bytes, Ethernet header first. Throws SysError EINVAL, or
   * EBADF after disposal.
   */
  run(frame: Uint8Array): number;
  /** The last frame as the program left it: a copy. */
  readonly frame: Uint8Array;
}

/** Takes a reference to the program, which disposal gives back. Throws SysError ENOMEM. */
export function createXdpRunner(prog: BpfProg): XdpRunner {
  const { machine } = prog;
  const buff = XdpBuff.create(machine.memory, machine.netns, new Uint8Array(XDP_MAX_FRAME));
  if (buff === undefined) throw new SysError(errno.ENOMEM, 'xdp');
  return new Runner(prog.get(), buff);
}

class Runner implements XdpRunner {
  readonly #prog: BpfProg;
  readonly #buff: XdpBuff;
  readonly #interpreter: Interpreter;
  #open = true;

  constructor(prog: BpfProg, buff: XdpBuff) {
    this.#prog = prog;
    this.#buff = buff;
    this.#interpreter = interpreterOf(prog.machine);
    buff.ifindex = 1;
  }

  run(frame: Uint8Array): number {
    if (!this.#open) throw new SysError(errno.EBADF, 'xdp');
    if (frame.length < ETH_HLEN || frame.length > XDP_MAX_FRAME)
      throw new SysError(errno.EINVAL, 'xdp', {
        detail: `a frame has ${ETH_HLEN} to ${XDP_MAX_FRAME} bytes, not ${frame.length}`,
      });
    this.#buff.reset(frame);
    const { value, fault } = this.#interpreter.runProgram(this.#prog, this.#buff.context, this.#buff);
    return fault === undefined ? value : XDP_ABORTED;
  }

  get frame(): Uint8Array {
    return this.#buff.bytes();
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#buff.free();
    this.#prog.put();
  }
}
