import { errno } from '../../../uapi/errno.ts';
import type { Process } from '../process.ts';
import type { CheckedAttr } from './attr.ts';
import { checkRoom } from './copy.ts';

const BPF_STATS_RUN_TIME = 0;

/** BPF_PROG_BIND_MAP: the program keeps the map alive from now on. Once is enough. */
export function progBindMap(process: Process, attr: CheckedAttr<'BPF_PROG_BIND_MAP'>): number {
  if (attr.flags !== 0) return -errno.EINVAL;
  const prog = process.prog(attr.prog_fd);
  if (typeof prog === 'number') return prog;
  const map = process.map(attr.map_fd);
  if (typeof map === 'number') return map;
  prog.bindMap(map);
  return 0;
}

/** BPF_PROG_STREAM_READ_BY_FD: how many bytes of what the program has written were read. */
export function progStreamRead(process: Process, attr: CheckedAttr<'BPF_PROG_STREAM_READ_BY_FD'>): number {
  const prog = process.prog(attr.prog_fd);
  if (typeof prog === 'number') return prog;
  const stream = prog.stream(attr.stream_id);
  if (stream === undefined) return -errno.ENOENT;
  const fits = checkRoom(process, 'stream_buf', attr.stream_buf, attr.stream_buf_len);
  return fits < 0 ? fits : stream.read(attr.stream_buf?.subarray(0, attr.stream_buf_len) ?? new Uint8Array(0));
}

/** BPF_ENABLE_STATS: while the returned fd is open, programs' run times and counts are kept. */
export function enableStats(process: Process, attr: CheckedAttr<'BPF_ENABLE_STATS'>): number {
  if (attr.type !== BPF_STATS_RUN_TIME) return -errno.EINVAL;
  process.machine.statsUsers++;
  return process.files.add({ kind: 'stats', machine: process.machine });
}
