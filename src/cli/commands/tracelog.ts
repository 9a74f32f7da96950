import { NotSupportedError } from '../../errors.ts';
import { orUndefined } from '../../loader/calls.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { O_NONBLOCK, O_RDONLY } from '../../sys/kernel.ts';
import { command } from '../command.ts';

/** Where tracefs is mounted, in the order in which tc looks. */
const TRACE_PIPES = [
  '/sys/kernel/tracing/trace_pipe',
  '/sys/kernel/debug/tracing/trace_pipe',
  '/tracing/trace_pipe',
  '/trace/trace_pipe',
];

export const progTracelog = command<AsyncIterable<string>>({
  path: ['prog', 'tracelog'],
  usage: '[nowait]',
  about: 'prints what programs say with bpf_trace_printk, until interrupted; `nowait`: only what is there',
  run({ kernel, signal }, words) {
    const wait = words.keyword('nowait') === undefined;
    words.end();
    return traceLines(kernel, wait, signal);
  },
  // One item of the stream is one line; the type of the whole is that of its items to the renderer.
  text: (line) => String(line),
  json: (line) => line,
});

async function* traceLines(kernel: Kernel, wait: boolean, signal: AbortSignal): AsyncGenerator<string> {
  const path = TRACE_PIPES.find(
    (pipe) => orUndefined(['ENOENT', 'ENOTDIR', 'EACCES'], () => kernel.stat(pipe)) !== undefined,
  );
  if (path === undefined) {
    throw new NotSupportedError('reading the trace log without tracefs', {
      instead: 'mount it with `mount -t tracefs tracefs /sys/kernel/tracing`',
    });
  }
  const fd = kernel.open(path, O_RDONLY | O_NONBLOCK);
  try {
    const buffer = new Uint8Array(65536);
    const decoder = new TextDecoder();
    let rest = '';
    while (!signal.aborted) {
      const n = orUndefined('EAGAIN', () => kernel.read(fd, buffer)) ?? 0;
      if (n > 0) {
        const lines = (rest + decoder.decode(buffer.subarray(0, n), { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        yield* lines;
      } else {
        if (!wait) return;
        await kernel.wait([fd], { signal }).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
      }
    }
  } finally {
    kernel.close(fd);
  }
}
