import { SysError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { errno } from '../uapi/errno.ts';
import { NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_REQUEST, nlmsgTypeName } from '../uapi/netlink.ts';
import { decodeAck } from './ack.ts';
import { encodeMessage, splitMessages } from './message.ts';

/** How often a dump that the kernel's changes have torn, or an answer that was lost, is asked for again. */
const TRIES = 5;

/**
 * One rtnetlink request: the payloads of the answer's messages, none if it is only acknowledged.
 *
 * @param what what is being done and to what, for the message of an error: `device veth0`
 * @param flags NLM_F_* beside NLM_F_REQUEST; NLM_F_DUMP asks for all that match
 *
 * Throws SysError with the kernel's errno and, as `detail`, its extended ack; EPROTO if the answer does not end as it must; EINTR if a dump was
 * torn by changes every time that it was tried; ENOBUFS if the kernel had no memory for the answer, each time if the request only reads.
 */
export function request(
  kernel: Pick<Kernel, 'netlink'>,
  what: string,
  type: number,
  flags: number,
  payload: Uint8Array,
): Uint8Array[] {
  const message = encodeMessage({
    type,
    flags: flags | NLM_F_REQUEST | NLM_F_ACK,
    // A Kernel has one request under way at a time, so the number tells answers apart from nothing.
    seq: 1,
    pid: 0,
    payload,
  });
  for (let tries = 1; tries <= TRIES; tries++) {
    const bytes = send(kernel, message, isRead(type) && tries < TRIES);
    if (bytes === undefined) continue;
    const answer = readAnswer(bytes, nlmsgTypeName(type), what);
    if (!answer.torn) return answer.payloads;
  }
  throw new SysError(errno.EINTR, nlmsgTypeName(type), {
    what,
    detail: `the kernel's tables changed during each of ${TRIES} attempts to list them`,
  });
}

/** RTM_GET*: each kind of object has four types in a row, of which the third reads. */
function isRead(type: number): boolean {
  return (type & 3) === 2;
}

/** The answer; `undefined` if it was lost and `again` permits to ask for it once more: what a change has done is not known, so it is not repeated. */
function send(kernel: Pick<Kernel, 'netlink'>, message: Uint8Array, again: boolean): Uint8Array | undefined {
  try {
    return kernel.netlink(message);
  } catch (error) {
    if (again && error instanceof SysError && error.code === 'ENOBUFS') return undefined;
    throw error;
  }
}

function readAnswer(bytes: Uint8Array, syscall: string, what: string): { payloads: Uint8Array[]; torn: boolean } {
  const payloads: Uint8Array[] = [];
  let torn = false;
  for (const message of splitMessages(bytes)) {
    torn ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
    const ack = decodeAck(message);
    if (ack === undefined) {
      payloads.push(message.payload);
      continue;
    }
    if (ack.errno !== 0) {
      throw new SysError(ack.errno, syscall, { what, ...(ack.text === undefined ? {} : { detail: ack.text }) });
    }
    return { payloads, torn };
  }
  throw new SysError(errno.EPROTO, syscall, { what, detail: 'the kernel ended its answer without saying how it went' });
}
