import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../bytes/hex.ts';
import { concatBytes } from '../bytes/plain.ts';
import { SysError } from '../errors.ts';
import { errno } from '../uapi/errno.ts';
import {
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '../uapi/netlink.ts';
import { decodeAck, encodeAck, encodeDone } from './ack.ts';
import { encodeMessage, type NetlinkMessage, splitMessages } from './message.ts';
import { request } from './request.ts';

const RTM_GETQDISC = 38;

/** What Linux 6.18 answers to a second `tc qdisc add … ingress`, without NETLINK_CAP_ACK: the whole request stands before the text. */
const EXCLUSIVE =
  '6c0000000200000280d3066b242b0000efffffff300000002400050680d3066b0000000000000000030000000000fffff1ffffff000000000c000100696e6772657373' +
  '00270001004578636c7573697669747920666c6167206f6e2c2063616e6e6f74206d6f646966790000';

function bytes(hex: string): Uint8Array {
  return fromHex(hex) ?? new Uint8Array(0);
}

/** A kernel that gives these answers one after the other, and what it was asked. */
function answering(...answers: ((asked: NetlinkMessage) => Uint8Array)[]) {
  const asked: NetlinkMessage[] = [];
  return {
    asked,
    netlink(message: Uint8Array): Uint8Array {
      const [one] = splitMessages(message);
      if (one === undefined) throw new Error('the request is no message');
      asked.push(one);
      const answer = answers[asked.length - 1];
      if (answer === undefined) throw new Error('one request too many');
      return answer(one);
    },
  };
}

const part = (payload: number[], flags = NLM_F_MULTI): Uint8Array =>
  encodeMessage({ type: 36, flags, seq: 1, pid: 7, payload: Uint8Array.from(payload) });

describe('netlink messages', () => {
  it('are split at their padding, and put together again', () => {
    const two = concatBytes([part([1, 2, 3]), part([4])]);
    const messages = splitMessages(two);
    expect(messages.map(({ payload }) => [...payload])).toEqual([[1, 2, 3], [4]]);
    expect(toHex(concatBytes(messages.map(encodeMessage)))).toBe(toHex(two));
  });

  it.each<[string, string]>([
    ['half a header', '1400000003'],
    ['a length below the header', '0f000000 0300 0000 00000000 00000000'],
    ['a length past the end', '14000000 0300 0000 00000000 00000000'],
    ['stray bytes after a message', '10000000 0300 0000 00000000 00000000 00'],
  ])('with %s are refused', (_name, hex) => {
    expect(() => splitMessages(bytes(hex))).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});

describe('acknowledgements', () => {
  it('of the kernel are read', () => {
    const [message] = splitMessages(bytes(EXCLUSIVE));
    expect(message && decodeAck(message)).toEqual({ errno: errno.EEXIST, text: 'Exclusivity flag on, cannot modify' });
  });

  const asked: NetlinkMessage = { type: RTM_GETQDISC, flags: 5, seq: 9, pid: 3, payload: new Uint8Array(7) };
  it.each<[string, Uint8Array, object]>([
    ['a success', encodeAck(asked, { errno: 0 }), { errno: 0 }],
    ['an error', encodeAck(asked, { errno: errno.EBUSY }), { errno: errno.EBUSY }],
    [
      'an error with a text',
      encodeAck(asked, { errno: 22, text: 'no such thing' }),
      { errno: 22, text: 'no such thing' },
    ],
    ['the end of a dump', encodeDone(asked), { errno: 0 }],
    ['a dump that failed', encodeDone(asked, { errno: 12, text: 'x' }), { errno: 12, text: 'x' }],
  ])('of our own are read back: %s', (_name, encoded, want) => {
    const [message] = splitMessages(encoded);
    expect(message).toMatchObject({ seq: 9, pid: 3 });
    expect(message && decodeAck(message)).toEqual(want);
  });

  it('are told from other messages, and need an errno', () => {
    const message = { type: 36, flags: 0, seq: 0, pid: 0, payload: new Uint8Array(0) };
    expect(decodeAck(message)).toBeUndefined();
    expect(decodeAck({ ...message, type: NLMSG_DONE })).toEqual({ errno: 0 });
    expect(() => decodeAck({ ...message, type: NLMSG_ERROR })).toThrow(SysError);
  });
});

describe('request', () => {
  it('asks with a header, and returns the payloads of a dump', () => {
    const kernel = answering((asked) => concatBytes([part([1]), part([2, 3]), encodeDone(asked)]));
    const answer = request(kernel, 'qdiscs', RTM_GETQDISC, NLM_F_DUMP, Uint8Array.of(9));
    expect(answer.map((payload) => [...payload])).toEqual([[1], [2, 3]]);
    expect(kernel.asked).toMatchObject([
      { type: RTM_GETQDISC, flags: NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP, payload: Uint8Array.of(9) },
    ]);
  });

  it('throws what the kernel says', () => {
    const kernel = answering((asked) => encodeAck(asked, { errno: errno.ENODEV, text: 'Cannot find device' }));
    expect(() => request(kernel, 'device d0', RTM_GETQDISC, 0, new Uint8Array(0))).toThrow(
      expect.objectContaining({
        code: 'ENODEV',
        syscall: 'RTM_GETQDISC',
        detail: 'Cannot find device',
        message: 'RTM_GETQDISC device d0: Cannot find device (No such device)',
      }),
    );
  });

  it('asks again for a dump that changes have torn', () => {
    const kernel = answering(
      (asked) => concatBytes([part([1], NLM_F_MULTI | NLM_F_DUMP_INTR), encodeDone(asked)]),
      (asked) => concatBytes([part([2]), encodeDone(asked)]),
    );
    expect(request(kernel, 'qdiscs', RTM_GETQDISC, NLM_F_DUMP, new Uint8Array(0)).map((p) => [...p])).toEqual([[2]]);
  });

  it('gives up on a dump that is torn every time', () => {
    const torn = (asked: NetlinkMessage) => concatBytes([part([1], NLM_F_DUMP_INTR), encodeDone(asked)]);
    const kernel = answering(torn, torn, torn, torn, torn);
    expect(() => request(kernel, 'qdiscs', RTM_GETQDISC, NLM_F_DUMP, new Uint8Array(0))).toThrow(
      expect.objectContaining({ code: 'EINTR' }),
    );
  });

  const lost = (): never => {
    throw new SysError(errno.ENOBUFS, 'recv');
  };
  const done = (asked: NetlinkMessage) => concatBytes([part([2]), encodeDone(asked)]);

  it('asks again for an answer that the kernel had no memory for', () => {
    const answers = request(answering(lost, lost, done), 'qdiscs', RTM_GETQDISC, NLM_F_DUMP, new Uint8Array(0));
    expect(answers.map((p) => [...p])).toEqual([[2]]);
  });

  it.each<[string, number, number]>([
    ['does not repeat a change', RTM_GETQDISC - 1, 1],
    ['gives up when it is lost every time', RTM_GETQDISC, 5],
  ])('%s', (_, type, asked) => {
    const kernel = answering(lost, lost, lost, lost, lost);
    expect(() => request(kernel, 'qdiscs', type, 0, new Uint8Array(0))).toThrow(
      expect.objectContaining({ code: 'ENOBUFS' }),
    );
    expect(kernel.asked).toHaveLength(asked);
  });

  it('refuses an answer without an end', () => {
    const kernel = answering(() => part([1]));
    expect(() => request(kernel, 'qdiscs', RTM_GETQDISC, 0, new Uint8Array(0))).toThrow(
      expect.objectContaining({ code: 'EPROTO' }),
    );
  });
});
