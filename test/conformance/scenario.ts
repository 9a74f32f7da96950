import { encodeInsns, ldImm64, parseAssembly } from '../../src/isa/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { mapTypeNumber, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { Session, u32 } from '../contract/session.ts';
import { CONTEXT, INPUTS, VALUE } from './case.ts';
import { functionInfo } from './functions.ts';

const WORDS = 32;
const FRAME = Uint8Array.from({ length: 64 }, (_, i) => i * 5);

/**
 * A program as text, behind `r6 = r1` and `r9 = ` the value of the map `out`, whose first words are the inputs; its results go behind them: {@link result}. Further maps: `hash` and `array`, of 16 bytes each, `progs`, and `outer`, in which an array of 8 bytes is at 1.
 */
export interface Scenario {
  readonly name: string;
  /** `sched_cls` if not said. */
  readonly type?: ProgType;
  readonly text: string;
  /** Programs of `progs`, from 0 on; the program itself is at 7. */
  readonly targets?: readonly string[];
  readonly runs?: readonly (readonly bigint[])[];
}

/** Where a word of the results is. */
export const result = (word: number): string => `*(u64 *)(r${VALUE} + ${8 * (INPUTS + word)})`;

/** Where a word of what it is given is. */
export const INPUT = (word: number): string => `*(u64 *)(r${VALUE} + ${8 * word})`;
export const DONE = 'r0 = 0\nexit';

export const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);
export const lines = (count: number, line: (i: number) => string): string => range(count).map(line).join('\n');
/** Two inputs, for each of some runs. */
export const SMALL = range(18).map((n) => [BigInt(n), BigInt(7 * n + 3)]);

/** What is in the maps after each run, with the verdict and the frame. */
export function observeScenario(kernel: Kernel, scenario: Scenario): string[] {
  using session = new Session(kernel);
  const maps = openMaps(session);
  const load = (text: string): Fd => loadText(session, maps, scenario.type ?? 'sched_cls', text);
  for (const [i, text] of (scenario.targets ?? []).entries()) session.update(maps.progs, i, u32(load(text)));
  const prog_fd = load(scenario.text);
  session.update(maps.progs, 7, u32(prog_fd));
  return (scenario.runs ?? [[]]).map((inputs) => {
    const value = new BigUint64Array(WORDS);
    value.set(inputs);
    session.update(maps.out, 0, new Uint8Array(value.buffer));
    const data_out = new Uint8Array(512);
    const attr = { prog_fd, data_in: FRAME, data_size_in: FRAME.length, data_out, data_size_out: 512, retval: 0 };
    kernel.bpf('BPF_PROG_TEST_RUN', attr);
    const rest = [maps.hash, maps.array].map((map) => entries(session, map));
    const words = [...read(session, maps.out, 0, 8 * WORDS)].slice(INPUTS).map((word) => word.toString(16));
    const frame = Buffer.from(data_out.subarray(0, attr.data_size_out)).toString('hex');
    return [attr.retval, words.join(), ...rest, frame].join('\n');
  });
}

/** Throws Error with the verifier's last words. */
function loadText(session: Session, maps: Maps, type: ProgType, text: string): Fd {
  const body = parseAssembly(text, { map: (name) => maps[name as keyof Maps] }); // `undefined` for another name
  const move = { opcode: 0xbf, dst: CONTEXT, src: 1, off: 0, imm: 0 };
  const all = [move, ...ldImm64(VALUE, BigInt(maps.out), 2), ...body];
  const insns = encodeInsns(all);
  const log_buf = new Uint8Array(1 << 20);
  const attr = { prog_type: progTypeNumber[type], insns, insn_cnt: all.length, ...functionInfo(session, all) };
  try {
    return session.prog(attr);
  } catch (error) {
    const log = { log_level: 1, log_size: log_buf.length, log_buf };
    try {
      return session.prog({ ...attr, ...log });
    } catch {
      throw new Error(new TextDecoder().decode(log_buf).replaceAll('\0', '').slice(-600), { cause: error });
    }
  }
}

type Maps = ReturnType<typeof openMaps>;

function openMaps(session: Session) {
  const inner = session.map('array', { max_entries: 2 });
  const outer = session.map('array_of_maps', { value_size: 4, inner_map_fd: inner });
  session.update(outer, 1, u32(inner));
  const value_size = 16;
  return {
    out: session.map('array', { value_size: 8 * WORDS, max_entries: 1 }),
    hash: session.map('hash', { value_size, max_entries: 64 }),
    array: session.map('array', { value_size, max_entries: 4 }),
    progs: session.create({ map_type: mapTypeNumber.prog_array, key_size: 4, value_size: 4, max_entries: 8 }),
    outer,
  };
}

function read(session: Session, map_fd: Fd, key: number, size: number): BigUint64Array {
  const value = new Uint8Array(size);
  session.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key: u32(key), value });
  return new BigUint64Array(value.buffer);
}

/** By key: hashes have no order. */
function entries(session: Session, map_fd: Fd): string {
  const found: string[] = [];
  const next_key = new Uint8Array(4);
  for (let key: Uint8Array | undefined; ; key = next_key.slice()) {
    try {
      session.kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd, key, next_key });
    } catch {
      return found.sort().join();
    }
    const number = new Uint32Array(next_key.slice().buffer)[0] ?? 0;
    found.push(`${number}: ${[...read(session, map_fd, number, 16)].map((word) => word.toString(16)).join(' ')}`);
  }
}
