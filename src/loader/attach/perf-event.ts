import { NotSupportedError } from '../../errors.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { attachTypeNumber } from '../../uapi/bpf.ts';
import type { Fd } from '../../uapi/fd.ts';
import type { PerfEventAttr } from '../../uapi/perf.ts';
import { saying } from '../calls.ts';
import { closedHandle } from '../handle.ts';
import { type Attachment, createLink, lacksLinks } from '../link.ts';
import type { BpfProgram } from '../program.ts';

export interface PerfEventOptions {
  /** The process whose events count; -1: all. */
  readonly pid?: number | undefined;
  /** The CPU whose events count; -1: all, for one process. */
  readonly cpu?: number | undefined;
  /** What bpf_get_attach_cookie returns (Linux >= 5.15). */
  readonly cookie?: bigint | undefined;
}

/**
 * Opens an event and runs a program of type perf_event on it. Without a word it is the event on CPU 0 of all processes. Throws SysError: ENOENT if the
 * machine has no such event, EACCES if perf events are not permitted.
 *
 * @example
 * using sampling = attachPerfEvent(program, { type: PERF_TYPE_SOFTWARE, config: PERF_COUNT_SW_CPU_CLOCK, sample_period: 1000000n }, { cpu: 0 });
 */
export function attachPerfEvent(program: BpfProgram, event: PerfEventAttr, options: PerfEventOptions = {}): Attachment {
  const { pid = -1, cpu = pid === -1 ? 0 : -1, cookie } = options;
  return attachToEvent(program, 'on a perf event', event, { pid, cpu, cookie });
}

/**
 * Opens an event and attaches the program. A kernel with links for it (Linux >= 5.15) gets one, which then holds the event; on an older one the
 * attachment is the event's fd.
 */
export function attachToEvent(
  program: BpfProgram,
  where: string,
  event: PerfEventAttr,
  { pid, cpu, cookie }: { readonly pid: number; readonly cpu: number; readonly cookie: bigint | undefined },
): Attachment {
  const { kernel } = program;
  const fd = saying(where, () => kernel.perfEventOpen(event, pid, cpu, -1, 0));
  let attached: Attachment | undefined;
  try {
    attached = linkToEvent(program, where, fd, cookie);
    if (attached === undefined) {
      saying(`of ${program.label} ${where}`, () => kernel.ioctl(fd, 'PERF_EVENT_IOC_SET_BPF', program.fd));
      attached = new PerfAttachment(program, fd, where);
    }
    saying(where, () => kernel.ioctl(fd, 'PERF_EVENT_IOC_ENABLE', 0));
  } catch (error) {
    attached?.close();
    if (!(attached instanceof PerfAttachment)) kernel.close(fd);
    throw error;
  }
  // A link holds the event itself.
  if (!(attached instanceof PerfAttachment)) kernel.close(fd);
  return attached;
}

/** `undefined` where the kernel has no such links. */
function linkToEvent(
  program: BpfProgram,
  where: string,
  target_fd: Fd,
  cookie: bigint | undefined,
): Attachment | undefined {
  try {
    return createLink(program, where, {
      target_fd,
      attach_type: attachTypeNumber.perf_event,
      'perf_event.bpf_cookie': cookie,
    });
  } catch (error) {
    // With a cookie there is no older way.
    if (cookie !== undefined || !lacksLinks(error)) throw error;
    return undefined;
  }
}

/** A program on an event that this process holds: with its fd both go. */
class PerfAttachment implements Attachment {
  readonly kernel: Kernel;
  readonly label: string;
  readonly #program: BpfProgram;
  readonly #fd: Fd;
  #open = true;

  constructor(program: BpfProgram, fd: Fd, where: string) {
    this.kernel = program.kernel;
    this.label = `${program.label} ${where}`;
    this.#program = program;
    this.#fd = fd;
    program.attachments.add(this);
  }

  pin(_path: string): void {
    if (!this.#open) throw closedHandle(this.label);
    throw new NotSupportedError('a pin of a program on a perf event, on a kernel without links for it', {
      since: '5.15',
    });
  }

  detach(): void {
    this.close();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#program.attachments.delete(this);
    this.kernel.close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
