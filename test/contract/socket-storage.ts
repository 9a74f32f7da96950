import { parseAddress } from '../../src/engine/embedded/inet/address.ts';
import { SysError } from '../../src/errors.ts';
import { mapTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { I } from '../support/bytecode.ts';
import type { BenchSocket } from './net-bench.ts';
import { u32 } from './session.ts';
import type { ProgramBench } from './socket-programs.ts';
import { valueBtf } from './value-btf.ts';

const CREATE = 1;
const SERVER = { address: '10.0.0.2', port: 53 };
const [SK_LOOKUP_UDP, SK_RELEASE, SK_STORAGE_GET, SK_STORAGE_DELETE] = [85, 86, 107, 108];

/** A socket of UDP, a map with values of sockets, and programs that find the socket. */
class StorageBench {
  readonly #programs: ProgramBench;
  readonly socket: BenchSocket;
  readonly map: Fd;

  constructor(programs: ProgramBench) {
    this.#programs = programs;
    this.socket = programs.udp('b', SERVER);
    const { bytes, int, value } = valueBtf([['long', 0]], 8);
    const { kernel } = this;
    const btf_fd = programs.own(kernel.bpf('BPF_BTF_LOAD', { btf: bytes, btf_size: bytes.length }), 'b');
    const attr = { map_type: mapTypeNumber.sk_storage, key_size: 4, value_size: 8, map_flags: 1 };
    const types = { btf_fd, btf_key_type_id: int, btf_value_type_id: value };
    this.map = programs.own(kernel.bpf('BPF_MAP_CREATE', { ...attr, ...types }), 'b');
  }

  get kernel() {
    return this.#programs.bench.kernel('b');
  }

  /** Adds 1 to the socket's value, and says what it is then: 0 without a value. */
  count(flags: number, initial?: number): number {
    return this.#ask([
      I.movReg(8, 10),
      I.add(8, -48),
      ...(initial === undefined ? [I.mov(3, 0)] : [I.storeImm(8, 8, 0, initial), I.movReg(3, 8)]),
      I.mapFd(1, this.map),
      I.movReg(2, 7),
      I.mov(4, flags),
      I.call(SK_STORAGE_GET),
      I.jeq(0, 0, 4),
      I.load(8, 9, 0, 0),
      I.add(9, 1),
      I.store(8, 0, 0, 9),
      I.goto(1),
      I.mov(9, 0),
    ]);
  }
  delete(): number {
    return this.#ask([I.mapFd(1, this.map), I.movReg(2, 7), I.call(SK_STORAGE_DELETE), I.movReg(9, 0)]);
  }
  /** What user space reads by the socket's fd. */
  read(): unknown {
    const value = new Uint8Array(8);
    try {
      this.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: this.map, key: u32(this.socket.fd), value });
      return Number(new DataView(value.buffer).getBigInt64(0, true));
    } catch (error) {
      if (error instanceof SysError) return error.code;
      throw error;
    }
  }
  write(value: number): void {
    const bytes = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
    this.kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: this.map, key: u32(this.socket.fd), value: bytes });
  }

  /** Runs instructions that have the socket in r7 and leave an answer in r9. */
  #ask(insns: Parameters<ProgramBench['prog']>[1]): number {
    const tuple = [...(parseAddress('10.0.0.1') ?? []), ...(parseAddress(SERVER.address) ?? []), 0, 5, 0, SERVER.port];
    const words = new Int32Array(Uint8Array.from(tuple).buffer);
    const out = this.#programs.map('array', 8, 'b', 1);
    const prog = this.#programs.prog('sched_cls', [
      I.mov(9, 0),
      ...[...words].map((word, i) => I.storeImm(4, 10, -40 + 4 * i, word)),
      I.movReg(2, 10),
      I.add(2, -40),
      I.mov(3, tuple.length),
      I.mov(4, -1),
      I.mov(5, 0),
      I.call(SK_LOOKUP_UDP),
      { opcode: 0x55, dst: 0, off: 2 },
      I.mov(0, 0),
      I.exit,
      I.movReg(7, 0),
      ...insns,
      I.movReg(1, 7),
      I.call(SK_RELEASE),
      I.mapValue(1, out, 0),
      I.store(8, 1, 0, 9),
      I.mov(0, 0),
      I.exit,
    ]);
    this.#programs.run(prog);
    const value = this.#programs.get(out, 8);
    return Number(new DataView(value.buffer).getBigInt64(0, true));
  }
}

type Run = (storage: StorageBench) => unknown;
// biome-ignore format: aligned table
const ROWS: readonly (readonly [name: string, run: Run, want: unknown])[] = [
  ['no value',                              (s) => [s.count(0), s.read()],                                       [0, 'ENOENT']],
  ['a value that a program makes',          (s) => [s.count(CREATE), s.count(CREATE), s.read()],                 [1, 2, 2]],
  ['and what it begins with',               (s) => [s.count(CREATE, 40), s.count(CREATE, 70), s.read()],         [41, 42, 42]],
  ['a value that user space makes',         (s) => { s.write(7); return [s.count(0), s.read()]; },               [8, 8]],
  ['flags that are none',                   (s) => [s.count(2), s.count(3), s.read()],                           [0, 0, 'ENOENT']],
  ['deleted by a program',                  (s) => { s.write(7); return [s.delete(), s.delete(), s.read()]; },   [0, -2, 'ENOENT']],
  ['of a socket that is closed',            (s) => { s.write(7); s.socket.close(); return s.count(CREATE); },    0],
];

export const socketStorageRows = ROWS.map(
  ([name, run, want]) => [name, (b: ProgramBench) => run(new StorageBench(b)), want] as const,
);
