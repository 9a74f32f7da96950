import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytecode, I } from '../../../../test/support/bytecode.ts';
import { SysError } from '../../../errors.ts';
import { encodeAddress, encodeLink, encodeMessage, encodeNeighbour, encodeRoute } from '../../../net/index.ts';
import { attachTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import * as N from '../../../uapi/netlink.ts';
import { createEmbeddedKernel } from '../embedded.ts';
import { parseAddress } from './address.ts';
import { checksum } from './checksum.ts';
import { encodePacket, etherFrame } from './packet.ts';

const SEED = 7;

/** Namespaces `a` and `b` with a pair between them, 10.0.0.1 and 10.0.0.2, fd00::1 and fd00::2. */
function setup() {
  const embedded = createEmbeddedKernel({ clock: 'manual' });
  const { lab, kernel } = embedded;
  const other = lab.createNamespace('other');
  const peer = { ifindex: 0, name: 'v1', netnsFd: kernel.open('/run/netns/other', 0) };
  const link = encodeLink({ ifindex: 0, name: 'v0', kind: 'veth', peer });
  kernel.netlink(encodeMessage({ type: N.RTM_NEWLINK, flags: N.NLM_F_CREATE, seq: 1, pid: 0, payload: link }));
  const sides = [lab, other].map((namespace, i) => {
    namespace.setUp('lo');
    namespace.setUp(`v${i}`);
    for (const address of [`10.0.0.${i + 1}/24`, `fd00::${i + 1}/64`]) namespace.addAddress(`v${i}`, address);
    return namespace;
  });
  return { embedded, lab, kernel, other, sides, process: other.openProcess() };
}

const address = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(4);

describe('the IP stack', () => {
  it('takes any frame', () => {
    const { lab, other, process } = setup();
    const listener = lab.socket(process, { type: 'tcp' });
    listener.bind({ address: '0.0.0.0', port: 80 });
    listener.listen();
    lab.socket(process, { type: 'udp' }).bind({ address: '0.0.0.0', port: 80 });
    const protocol = fc.constantFrom(1, 6, 17, 58, 200);
    const ports = fc.constantFrom([0, 80, 0, 80], [1, 2, 0, 80]);
    const payload = fc.tuple(ports, fc.uint8Array({ maxLength: 80 })).map(([head, rest]) => [...head, ...rest]);
    const packet = fc
      .tuple(fc.constantFrom('4', '6'), protocol, payload, fc.integer({ min: 0, max: 90 }), fc.nat(255), fc.boolean())
      .map(([version, number, bytes, at, byte, spoil]) => {
        const ends = version === '4' ? ['10.0.0.1', '10.0.0.2'] : ['fd00::1', 'fd00::2'];
        const [source, destination] = ends.map(address) as [Uint8Array, Uint8Array]; // of two
        const family = version === '4' ? 2 : 10;
        const encoded = encodePacket({
          family,
          source,
          destination,
          protocol: number,
          payload: Uint8Array.from(bytes),
        });
        if (spoil && at < encoded.length) encoded[at] = byte;
        // So that what was changed in the header is looked at.
        if (version === '4') {
          encoded.set([0, 0], 10);
          new DataView(encoded.buffer).setUint16(10, checksum(encoded.subarray(0, 4 * ((encoded[0] ?? 0) & 15))));
        }
        return etherFrame(
          new Uint8Array(6).fill(255),
          Uint8Array.of(2, 0, 0, 0, 0, 1),
          version === '4' ? 0x800 : 0x86dd,
          encoded,
        );
      });
    const arp = fc
      .uint8Array({ minLength: 20, maxLength: 40 })
      .map((bytes) =>
        etherFrame(
          new Uint8Array(6).fill(255),
          bytes.subarray(0, 6),
          0x806,
          Uint8Array.of(0, 1, 8, 0, 6, 4, 0, ...bytes),
        ),
      );
    fc.assert(
      fc.property(fc.oneof(packet, arp), (frame) => {
        other.send('v1', 'ingress', frame);
      }),
      { seed: SEED, numRuns: 3000 },
    );
    lab.clock.advance(300_000_000_000n);
    expect(lab.faults).toEqual([]);
  });

  it('answers any request, or refuses it with an error of ours', () => {
    const { kernel } = setup();
    const types = [20, 21, 22, 24, 25, 26, 28, 29, 30, 16];
    const valid = [
      encodeAddress({ family: 2, ifindex: 2, prefix: 24, local: address('10.1.0.1'), peer: address('10.1.0.1') }),
      encodeRoute({ family: 2, destination: address('10.2.0.0'), prefix: 16, table: 254, type: 1, ifindex: 2 }),
      encodeRoute({
        family: 10,
        destination: address('fd02::'),
        prefix: 64,
        table: 254,
        type: 1,
        ifindex: 2,
        gateway: address('fd00::9'),
      }),
      encodeNeighbour({
        family: 2,
        ifindex: 2,
        address: address('10.0.0.9'),
        hardware: new Uint8Array(6),
        state: 0x80,
      }),
      encodeLink({ ifindex: 2, netnsFd: 3, newIfindex: 7 }),
    ];
    const change = fc.tuple(fc.nat(60), fc.nat(255));
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.nat(0xfff),
        fc.constantFrom(...valid),
        fc.array(change, { maxLength: 3 }),
        (type, flags, bytes, changes) => {
          const payload = bytes.slice();
          for (const [at, byte] of changes) if (at < payload.length) payload[at] = byte;
          try {
            kernel.netlink(encodeMessage({ type, flags: flags | 1, seq: 1, pid: 0, payload }));
          } catch (error) {
            if (!(error instanceof SysError)) throw error;
          }
        },
      ),
      { seed: SEED, numRuns: 3000 },
    );
  });

  it('gives back what connections and namespaces held', () => {
    const { embedded, lab, kernel, process } = setup();
    const cycle = (): void => {
      using listener = lab.socket(process, { type: 'tcp' });
      listener.bind({ address: '10.0.0.2', port: 80 });
      listener.listen();
      const client = lab.socket(kernel, { type: 'tcp' });
      client.connect({ address: '10.0.0.2', port: 80 });
      const server = listener.accept();
      client.send(new Uint8Array(5000));
      expect(server?.receive()?.data.length).toBe(5000);
      client.close();
      server?.close();
      lab.createNamespace('short').openProcess()[Symbol.dispose]();
      lab.deleteNamespace('short');
      lab.clock.advance(120_000_000_000n);
    };
    for (let i = 0; i < 20; i++) cycle();
    const before = embedded.memorySize;
    for (let i = 0; i < 200; i++) cycle();
    expect(embedded.memorySize).toBe(before);
    expect(() => lab.namespace('short')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  it('a connection goes on when a segment was lost', () => {
    const { lab, kernel, process, other } = setup();
    const listener = lab.socket(process, { type: 'tcp' });
    listener.bind({ address: '10.0.0.2', port: 80 });
    listener.listen();
    const client = lab.socket(kernel, { type: 'tcp' });
    client.connect({ address: '10.0.0.2', port: 80 });
    const server = listener.accept();
    other.setUp('v1', false);
    client.send(new TextEncoder().encode('late'));
    other.setUp('v1');
    expect(server?.receive()).toBeUndefined();
    lab.clock.advance(1_000_000_000n);
    expect(new TextDecoder().decode(server?.receive()?.data)).toBe('late');
  });

  it('an attempt to connect ends when nobody answers', () => {
    const { lab, kernel, other } = setup();
    lab.addNeighbour('v0', '10.0.0.9', Uint8Array.of(2, 0, 0, 0, 0, 9));
    using capture = other.capture('v1');
    const start = lab.clock.now();
    const attempt = () => lab.socket(kernel, { type: 'tcp' }).connect({ address: '10.0.0.9', port: 80 });
    expect(attempt).toThrow(expect.objectContaining({ code: 'ETIMEDOUT' }));
    expect([capture.frames.length, lab.clock.now() - start]).toEqual([11, 131_000_000_000n]);
    const socket = lab.socket(kernel, { type: 'tcp' });
    const started = () => socket.connect({ address: '10.0.0.9', port: 80 }, { nonBlocking: true });
    expect(started).toThrow(expect.objectContaining({ code: 'EINPROGRESS' }));
    lab.clock.advance(200_000_000_000n);
    expect(() => socket.receive()).toThrow(expect.objectContaining({ code: 'ETIMEDOUT' }));
  });

  it('programs say how a connection begins', () => {
    const { lab, kernel, other } = setup();
    const insns = bytecode(
      I.movReg(6, 1),
      I.storeImm(8, 10, -8, 0x10),
      I.mov(2, 0), // IPPROTO_IP
      I.mov(3, 1), // IP_TOS
      I.movReg(4, 10),
      I.add(4, -8),
      I.mov(5, 4),
      I.call(49), // bpf_setsockopt
      I.storeImm(4, 6, 4, 20),
      I.mov(0, 1),
      I.exit,
    );
    const attr = { prog_type: progTypeNumber.sock_ops, insns, insn_cnt: insns.length / 8, license: 'GPL' };
    const attach_bpf_fd = kernel.bpf('BPF_PROG_LOAD', attr);
    const target_fd = kernel.open('/sys/fs/cgroup', 0);
    kernel.bpf('BPF_PROG_ATTACH', { target_fd, attach_bpf_fd, attach_type: attachTypeNumber.cgroup_sock_ops });
    lab.addNeighbour('v0', '10.0.0.9', Uint8Array.of(2, 0, 0, 0, 0, 9));
    using capture = other.capture('v1');
    const socket = lab.socket(kernel, { type: 'tcp' });
    const connect = () => socket.connect({ address: '10.0.0.9', port: 80 }, { nonBlocking: true });
    expect(connect).toThrow(expect.objectContaining({ code: 'EINPROGRESS' }));
    lab.clock.advance(79_000_000n);
    expect(capture.frames.length).toBe(1);
    // Twenty ticks of 4 ms.
    lab.clock.advance(1_000_000n);
    expect(capture.frames.length).toBe(2);
    const [syn] = capture.frames.map(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset));
    expect([syn?.getUint8(15), syn?.getUint16(48)]).toEqual([0x10, 20 * 1460]);
  });
});
