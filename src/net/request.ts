import { SysError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { errno } from '../uapi/errno.ts';
import { NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_REQUEST, nlmsgTypeName } from '../uapi/netlink.ts';
import { decodeAck } from './ack.ts';
import { encodeMessage, splitMessages } from './message.ts';

/** How often a dump that the kernel's changes have torn is asked for again. */
const DUMP_TRIES = 5;

/**
 * One rtnetlink request: the payloads of the answer's messages, none if it is only acknowledged.
 *
 * @param what what is being done and to what, for the message of an error: `device veth0`
 * @param flags NLM_F_* beside NLM_F_REQUEST; NLM_F_DUMP asks for all that match
 *
 * Throws SysError with the kernel's errno and, as `detail`, its extended ack; EPROTO if the answer does not end as it must; EINTR if a dump was
 * torn by changes every time that it was tried.
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
  for (let tries = 0; tries < DUMP_TRIES; tries++) {
    const answer = readAnswer(kernel.netlink(message), nlmsgTypeName(type), what);
    if (!answer.torn) return answer.payloads;
  }
  throw new SysError(errno.EINTR, nlmsgTypeName(type), {
    what,
    detail: `the kernel's tables changed during each of ${DUMP_TRIES} attempts to list them`,
  });
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
