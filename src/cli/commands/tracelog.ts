import { TraceLog } from '../../loader/trace.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { stream } from '../command.ts';

export const progTracelog = stream<string>({
  path: ['prog', 'tracelog'],
  usage: '[nowait]',
  about: 'prints what programs say with bpf_trace_printk, until interrupted; `nowait`: only what is there',
  run({ kernel, signal }, words) {
    const wait = words.keyword('nowait') === undefined;
    words.end();
    return traceLines(kernel, wait, signal);
  },
  text: (line) => line,
});

async function* traceLines(kernel: Kernel, wait: boolean, signal: AbortSignal): AsyncGenerator<string> {
  using trace = new TraceLog(kernel);
  if (wait) yield* trace.follow(signal);
  else yield* trace.lines();
}
