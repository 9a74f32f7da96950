import { fromHex } from '../../bytes/hex.ts';
import { UsageError } from '../../errors.ts';
import type { RunResult } from '../../loader/program.ts';
import { command } from '../command.ts';
import { hexDump } from '../format.ts';
import { PROG, selectProgram } from '../selectors.ts';
import { readFrames } from './pcap-file.ts';
import { type Replayed, replay } from './replay.ts';

interface Ran {
  readonly result: RunResult;
  readonly repeat: number;
  readonly ctx: boolean;
}

export const progRun = command<Ran | Replayed>({
  path: ['prog', 'run'],
  usage: `${PROG} {{data_in FILE | hex DIGITS} [data_size_out N] [ctx_in FILE] | pcap FILE} [repeat N]`,
  about: 'runs a program on a packet that goes nowhere, or on each frame of a capture',
  run(context, words) {
    using program = selectProgram(context.kernel, words);
    if (words.exact('pcap') !== undefined) {
      const frames = readFrames(context, words.next('the pcap file'));
      const repeat = words.keyword('repeat') === undefined ? 1 : words.number('repeat', 1, 1_000_000);
      words.end();
      return replay(context, program, frames, repeat);
    }
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

function packet(digits: string): Uint8Array {
  const bytes = fromHex(digits);
  if (bytes === undefined) throw new UsageError(`'${digits}' are no hex digits, two for each byte`);
  return bytes;
}
