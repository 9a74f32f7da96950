import { parseArgs } from 'node:util';
import { UsageError } from '../errors.ts';

export interface Options {
  readonly json: boolean;
  readonly pretty: boolean;
  readonly details: boolean;
  readonly stats: boolean;
  readonly strace: boolean;
  /** A kernel that the command starts interprets programs. */
  readonly interp: boolean;
  /** `embedded`, `linux`, `inprocess`, or the path of a socket. */
  readonly kernel: string;
  /** The file with the BTF that split BTF goes on from. */
  readonly baseBtf: string | undefined;
  readonly help: boolean;
  readonly version: boolean;
  readonly words: readonly string[];
}

/** Global options; they may stand anywhere before `--`, as with bpftool. */
// biome-ignore format: aligned table
export const OPTIONS = {
  kernel:  { type: 'string',  short: 'k', about: 'the kernel to work on: embedded (default; lives in the background), linux, inprocess (a fresh one for this command only), or the socket of a `skep serve`; also SKEP_KERNEL' },
  json:    { type: 'boolean', short: 'j', about: 'JSON on standard output, errors too' },
  pretty:  { type: 'boolean', short: 'p', about: 'JSON, indented' },
  details: { type: 'boolean', short: 'd', about: 'more in lists; the whole log of the verifier' },
  stats:   { type: 'boolean', short: 's', about: 'counters and ages in what tc lists' },
  strace:  { type: 'boolean', short: undefined, about: 'every system call on standard error' },
  interp:  { type: 'boolean', short: undefined, about: 'a kernel that this command makes (inprocess, serve) interprets programs and does not compile them' },
  'base-btf': { type: 'string', short: 'B', about: 'the file with the types that split BTF (of a module) goes on from' },
  help:    { type: 'boolean', short: 'h', about: 'this text' },
  version: { type: 'boolean', short: 'V', about: 'the version' },
} as const;

/** Options that belong to single commands. */
const COMMAND_OPTIONS = ['--stop', '--socket', '--hex', '--pcap', '--background', '--log'];

/** Takes the global options out of a command line. Throws UsageError on one that is unknown. */
export function parseOptions(argv: readonly string[], env: NodeJS.ProcessEnv): Options {
  const options = Object.fromEntries(
    Object.entries(OPTIONS).map(([name, { type, short }]) => [name, { type, ...(short !== undefined && { short }) }]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const found: Record<string, string | true> = {};
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    if (Object.hasOwn(OPTIONS, token.name)) {
      const { type } = OPTIONS[token.name as keyof typeof OPTIONS]; // Object.hasOwn has just said so
      if (type === 'string' && token.value === undefined) throw new UsageError(`option --${token.name} needs a value`);
      found[token.name] = token.value ?? true;
    } else if (COMMAND_OPTIONS.includes(token.rawName)) {
      words.push(token.rawName, ...(token.value === undefined ? [] : [token.value]));
    } else {
      throw new UsageError(`unrecognized option '${token.rawName}'`);
    }
  }
  return {
    json: found.json !== undefined || found.pretty !== undefined,
    pretty: found.pretty !== undefined,
    details: found.details !== undefined,
    stats: found.stats !== undefined,
    strace: found.strace !== undefined,
    interp: found.interp !== undefined,
    help: found.help !== undefined,
    version: found.version !== undefined,
    kernel: typeof found.kernel === 'string' ? found.kernel : env.SKEP_KERNEL || 'embedded',
    baseBtf: typeof found['base-btf'] === 'string' ? found['base-btf'] : undefined,
    words,
  };
}
