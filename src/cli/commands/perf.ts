import { listPerfPrograms, type PerfProgram } from '../../loader/perf-programs.ts';
import { command } from '../command.ts';

export const perfShow = command<readonly PerfProgram[]>({
  path: ['perf', 'show'],
  usage: '',
  about: 'lists the programs on tracepoints and probes that processes hold by an fd',
  run({ kernel }, words) {
    words.end();
    return [...listPerfPrograms(kernel)];
  },
  text: (programs) => programs.map(perfText).join('\n'),
  json: (programs) => programs.map(perfJson),
});

function perfText({ pid, fd, progId, kind, name, offset, address }: PerfProgram): string {
  const head = `pid ${pid}  fd ${fd}: prog_id ${progId}  ${kind}`;
  if (kind === 'raw_tracepoint' || kind === 'tracepoint') return `${head}  ${name}`;
  if (kind === 'uprobe' || kind === 'uretprobe') return `${head}  filename ${name}  offset ${offset}`;
  return name === '' ? `${head}  addr ${address}` : `${head}  func ${name}  offset ${offset}`;
}

function perfJson({ pid, fd, progId, kind, name, offset, address }: PerfProgram): object {
  const head = { pid, fd, prog_id: progId, fd_type: kind };
  if (kind === 'raw_tracepoint' || kind === 'tracepoint') return { ...head, tracepoint: name };
  if (kind === 'uprobe' || kind === 'uretprobe') return { ...head, filename: name, offset };
  return name === '' ? { ...head, addr: address } : { ...head, func: name, offset };
}
