import * as arena from './arena.ts';
import * as casts from './casts.ts';
import * as cgroups from './cgroups.ts';
import * as congestion from './congestion.ts';
import * as cpumask from './cpumask.ts';
import * as dynptr from './dynptr.ts';
import * as iterators from './iterators.ts';
import type { Kfunc } from './kfunc.ts';
import * as list from './list.ts';
import * as locks from './locks.ts';
import * as maps from './maps.ts';
import * as objects from './objects.ts';
import * as probeRead from './probe-read.ts';
import * as rbtree from './rbtree.ts';
import * as regions from './regions.ts';
import * as streams from './streams.ts';
import * as string from './string.ts';
import * as taskIterator from './task-iterator.ts';
import * as tasks from './tasks.ts';
import * as traps from './traps.ts';
import * as workqueue from './workqueue.ts';
import * as xdp from './xdp.ts';

/** Every function of the embedded kernel that programs may call. To add one is to add its row to a family's file. */
export const KFUNC_TABLE: readonly Kfunc[] = [
  dynptr,
  iterators,
  regions,
  string,
  objects,
  list,
  rbtree,
  workqueue,
  cpumask,
  casts,
  tasks,
  taskIterator,
  cgroups,
  locks,
  probeRead,
  arena,
  streams,
  maps,
  traps,
  xdp,
  congestion,
].flatMap((family) => Object.values(family).filter((value): value is Kfunc => typeof value === 'object'));

/** Their places in the table. */
export const KFUNC_INDEX: ReadonlyMap<string, number> = new Map(KFUNC_TABLE.map(({ name }, index) => [name, index]));
