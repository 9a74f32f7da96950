import { fromHex } from '../../bytes/hex.ts';
import { SysError, UsageError } from '../../errors.ts';
import type { BpfProgram, RunResult } from '../../loader/program.ts';
import { verdictName } from '../../uapi/verdict.ts';
import { type Context, command } from '../command.ts';
import { hexDump } from '../format.ts';
import { PROG, selectProgram } from '../selectors.ts';
import type { Words } from '../words.ts';
import { readFrames } from './pcap-file.ts';

interface Ran {
  readonly result: RunResult;
  readonly repeat: number;
  readonly ctx: boolean;
}

/** What became of the frames of a capture. */
interface Replayed {
  readonly frames: number;
  /** Frames that the kernel does not take: too short for what they say they are, or too long. */
  readonly refused: number;
  /** Of one run: the mean. */
  readonly durationNs: number;
  /** The most frequent first. */
  readonly verdicts: readonly { readonly retval: number; readonly name: string | undefined; readonly frames: number }[];
}

export const progRun = command<Ran | Replayed>({
  path: ['prog', 'run'],
  usage: `${PROG} {{data_in FILE | hex DIGITS} [data_size_out N] [ctx_in FILE] | pcap FILE} [repeat N]`,
  about: 'runs a program on a packet that goes nowhere, or on each frame of a capture',
  run(context, words) {
    using program = selectProgram(context.kernel, words);
    if (words.exact('pcap') !== undefined) return replay(context, program, words);
    let data: Uint8Array | undefined;
    let ctx: Uint8Array | undefined;
    let repeat = 1;
    let dataSizeOut: number | undefined;
    while (!words.done) {
      const what = words.expect('data_in', 'hex', 'data_size_out', 'ctx_in', 'repeat');
      if (what === 'data_in') data = context.readFile(words.next('the file with the packet'));
      if (what === 'hex') data = packet(words.next('the packet'));
      if (what === 'ctx_in') ctx = context.readFile(words.next('the file with the context'));
      if (what === 'repeat') repeat = words.number('repeat', 1);
      if (what === 'data_size_out') dataSizeOut = words.number('data_size_out');
    }
    return { result: program.run({ data, ctx, repeat, dataSizeOut }), repeat, ctx: ctx !== undefined };
  },
  text(ran) {
    if ('frames' in ran) return replayedText(ran);
    const { result, repeat } = ran;
    const parts = [result.data, result.ctx].filter((bytes) => bytes.length > 0).map(hexDump);
    const average = repeat > 1 ? ' (average)' : '';
    return [...parts, `Return value: ${result.retval}, duration${average}: ${result.durationNs}ns`].join('\n');
  },
  json(ran) {
    if ('frames' in ran) {
      const { frames, refused, durationNs, verdicts } = ran;
      return { frames, refused, duration: durationNs, verdicts };
    }
    const { result, ctx } = ran;
    return {
      data_out: Array.from(result.data),
      ctx_out: ctx ? Array.from(result.ctx) : undefined,
      retval: result.retval,
      duration: result.durationNs,
    };
  },
});

function replayedText({ frames, refused, durationNs, verdicts }: Replayed): string {
  const rows = verdicts.map(({ retval, name, frames }) => [frames, `${retval}${name === undefined ? '' : ` ${name}`}`]);
  if (refused > 0) rows.push([refused, 'not taken (EINVAL)']);
  const lines = rows.map(([count, what]) => `${String(count).padStart(10)}  ${what}`);
  return [`${frames} frame${frames === 1 ? '' : 's'}, duration (average): ${durationNs}ns`, ...lines].join('\n');
}

/** Runs the program on each frame, one after the other, as on a device: what it keeps in maps stays. A frame that the kernel does not take (EINVAL) is counted, unless it takes none. */
function replay(context: Context, program: BpfProgram, words: Words): Replayed {
  const frames = readFrames(context, words.next('the pcap file'));
  const repeat = words.keyword('repeat') === undefined ? 1 : words.number('repeat', 1, 1_000_000);
  words.end();
  const counts = new Map<number, number>();
  let [duration, refused] = [0, 0];
  for (const data of frames) {
    try {
      const { retval, durationNs } = program.run({ data, repeat, dataSizeOut: 0 });
      counts.set(retval, (counts.get(retval) ?? 0) + 1);
      duration += durationNs;
    } catch (error) {
      if (!(error instanceof SysError) || error.code !== 'EINVAL' || ++refused === frames.length) throw error;
    }
  }
  const verdicts = [...counts].sort(([, a], [, b]) => b - a);
  return {
    frames: frames.length,
    refused,
    durationNs: Math.round(duration / Math.max(frames.length - refused, 1)),
    verdicts: verdicts.map(([retval, frames]) => ({ retval, name: verdictName(program.info.type, retval), frames })),
  };
}

function packet(digits: string): Uint8Array {
  const bytes = fromHex(digits);
  if (bytes === undefined) throw new UsageError(`'${digits}' are no hex digits, two for each byte`);
  return bytes;
}
