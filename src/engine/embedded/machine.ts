import type { BtfObject } from './btf-object.ts';
import type { Clock } from './clock.ts';
import type { IdTable } from './ids.ts';
import type { BpfMap } from './maps/map.ts';
import type { LinearMemory } from './memory.ts';
import type { Network } from './net/network.ts';
import type { BpfProg } from './progs/prog.ts';
import type { TraceLog } from './trace-log.ts';

/** Everything of one embedded kernel that its processes share. */
export declare class Machine {
  readonly memory: LinearMemory;
  /** Possible CPUs: the stride of per-CPU maps. Programs run on CPU `cpu`. */
  readonly cpus: number;
  cpu: number;
  readonly clock: Clock;
  /** Unsigned 32-bit, from a seeded generator: bpf_get_prandom_u32. */
  random(): number;
  readonly trace: TraceLog;
  readonly maps: IdTable<BpfMap>;
  readonly progs: IdTable<BpfProg>;
  readonly btfs: IdTable<BtfObject>;
  readonly network: Network;

  adoptMap(map: BpfMap): { id: number; address: number };
  dropMap(map: BpfMap): void;
  /** The map whose header is at this address, for helpers that a program hands a map. */
  mapAt(address: number): BpfMap | undefined;
}
