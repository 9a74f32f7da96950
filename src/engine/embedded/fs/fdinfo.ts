import { toHex } from '../../../bytes/hex.ts';
import { roundUp } from '../../../bytes/round.ts';
import { O_CLOEXEC } from '../../../sys/kernel.ts';
import { LINK_TYPES } from '../../../uapi/bpf.ts';
import type { OpenFile } from '../files.ts';
import type { Link } from '../links/link.ts';
import type { BpfMap } from '../maps/map.ts';
import type { BpfProg } from '../progs/prog.ts';

const PAGE = 4096;
/** Bytes of Linux's struct bpf_prog before the instructions, for the memlock figure. */
const PROG_OVERHEAD = 72;

type Lines = readonly (readonly [name: string, value: string | number | bigint])[];

/** The text of /proc/self/fdinfo/N. */
export function fdinfo(file: OpenFile): string {
  const lines: Lines = [['pos', 0], ['flags', `0${flagsOf(file).toString(8)}`], ...linesOf(file)];
  return lines.map(([name, value]) => `${name}:\t${value}\n`).join('');
}

function flagsOf(file: OpenFile): number {
  if (file.kind !== 'map') return O_CLOEXEC;
  return O_CLOEXEC | (file.canRead && file.canWrite ? 2 : file.canWrite ? 1 : 0);
}

function linesOf(file: OpenFile): Lines {
  switch (file.kind) {
    case 'map':
      return mapLines(file.map);
    case 'prog':
      return progLines(file.prog);
    case 'btf':
      return [['btf_id', file.btf.id]];
    case 'link':
      return linkLines(file.link);
    default:
      return [];
  }
}

function linkLines(link: Link): Lines {
  const name = LINK_TYPES[link.type] ?? link.type;
  return [
    ['link_type', name === 'perf_event' ? 'perf' : name],
    ['link_id', link.id],
    ...progOf(link),
    ...link.fdinfo(),
  ];
}

function progOf({ prog }: Link): Lines {
  return prog === undefined
    ? []
    : [
        ['prog_tag', toHex(prog.attr.tag)],
        ['prog_id', prog.id],
      ];
}

function mapLines(map: BpfMap): Lines {
  const { attr } = map;
  return [
    ['map_type', attr.type],
    ['key_size', attr.keySize],
    ['value_size', attr.valueSize],
    ['max_entries', attr.maxEntries],
    ['map_flags', `0x${attr.flags.toString(16)}`],
    ['map_extra', `0x${attr.mapExtra.toString(16)}`],
    ['memlock', map.memoryUsage()],
    ['map_id', map.id],
    ['frozen', map.frozen ? 1 : 0],
    ...map.fdinfo(),
  ];
}

function progLines(prog: BpfProg): Lines {
  const { attr } = prog;
  return [
    ['prog_type', attr.type],
    ['prog_jited', 0],
    ['prog_tag', toHex(attr.tag)],
    ['memlock', roundUp(PROG_OVERHEAD + attr.runnable.length, PAGE)],
    ['prog_id', prog.id],
    ['run_time_ns', prog.runTimeNs],
    ['run_cnt', prog.runCount],
    ['recursion_misses', 0],
    ['verified_insns', attr.verifiedInsns],
  ];
}
