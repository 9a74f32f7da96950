import { errno } from '../../../uapi/errno.ts';
import type { Process } from '../process.ts';
import type { CheckedAttr } from './attr.ts';

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

/** BPF_ENABLE_STATS: while the returned fd is open, programs' run times and counts are kept. */
export function enableStats(process: Process, attr: CheckedAttr<'BPF_ENABLE_STATS'>): number {
  if (attr.type !== BPF_STATS_RUN_TIME) return -errno.EINVAL;
  process.machine.statsUsers++;
  return process.files.add({ kind: 'stats', machine: process.machine });
}
