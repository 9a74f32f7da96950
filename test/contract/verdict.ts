import { encodeInsns, parseAssembly } from '../../src/isa/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { mapTypeNumber, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { outcome } from './session.ts';

/** A program as text; it may refer to the maps `hash`, `array` and `ring`, by `map[name:hash]`. */
export interface Program {
  /** `socket_filter` if not given. */
  readonly type?: ProgType;
  /** `GPL` if not given. */
  readonly license?: string;
  readonly text: string;
}

const MAPS = {
  hash: [mapTypeNumber.hash, 4, 16],
  array: [mapTypeNumber.array, 4, 16],
  ring: [mapTypeNumber.ringbuf, 0, 0],
} as const;

/** BPF_LOG_LEVEL2: what is known after each instruction, of all paths, and why. */
export const BPF_LOG_LEVEL2 = 2;

interface Verified {
  /** `ok` or the errno. */
  readonly answer: string;
  /** The lines of the log, but for what differs by nature: addresses, and how long it took. */
  readonly log: readonly string[];
  /** Of the log, before its figures. */
  readonly lastWords: string;
  /** Instructions that the verifier followed, over all paths. */
  readonly steps: number;
}

const ADDRESS = /(\(18\) r\d = )0x[0-9a-f]{16}/;
const DURATION = /(?<=^verification time )\d+/;

/** What comes of loading a program: `ok`, or the errno and the last words of the log. */
export function verdict(kernel: Kernel, program: Program): string {
  const { answer, lastWords } = verify(kernel, program, () => 'ok');
  return answer === 'ok' ? answer : `${answer} ${lastWords}`;
}

/** Loads a program; `then` is what the answer is if that succeeds. */
export function verify(
  kernel: Kernel,
  { type = 'socket_filter', license = 'GPL', text }: Program,
  then: (prog: Fd) => string,
  logLevel = 1,
): Verified {
  const fds = new Map<string, Fd>();
  const map = (name: string): number | undefined => {
    const known = fds.get(name);
    if (known !== undefined) return known;
    if (!Object.hasOwn(MAPS, name)) return undefined;
    const [map_type, key_size, value_size] = MAPS[name as keyof typeof MAPS]; // by the line before
    const fd = kernel.bpf('BPF_MAP_CREATE', {
      map_type,
      key_size,
      value_size,
      max_entries: map_type === mapTypeNumber.ringbuf ? 4096 : 4,
    });
    fds.set(name, fd);
    return fd;
  };
  const insns = encodeInsns(parseAssembly(text, { map }));
  const log_buf = new Uint8Array(logLevel === BPF_LOG_LEVEL2 ? 1 << 20 : 1 << 16);
  const attr = {
    prog_type: progTypeNumber[type],
    insns,
    insn_cnt: insns.length / 8,
    license,
    log_level: logLevel,
    log_size: log_buf.length,
    log_buf,
  };
  const answer = outcome(() => {
    const prog = kernel.bpf('BPF_PROG_LOAD', attr);
    try {
      return then(prog);
    } finally {
      kernel.close(prog);
    }
  });
  for (const fd of fds.values()) kernel.close(fd);
  const log = new TextDecoder()
    .decode(log_buf.subarray(0, log_buf.indexOf(0)))
    .trimEnd()
    .split('\n');
  return {
    answer: String(answer),
    log: log.map((line) => line.replace(ADDRESS, '$1ADDRESS').replace(DURATION, '')),
    lastWords: log.at(-2) ?? '',
    steps: Number(/^processed (\d+) insns/.exec(log.at(-1) ?? '')?.[1]),
  };
}
