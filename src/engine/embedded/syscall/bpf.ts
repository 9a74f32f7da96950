import type { BpfCmd } from '../../../uapi/attr.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Process } from '../process.ts';
import { type CheckedAttr, checkAttr, copyBack } from './attr.ts';
import { btfLoad } from './btf-load.ts';
import { btfGetFdById, getNextId, linkGetFdById, mapGetFdById, progGetFdById } from './id.ts';
import { objGetInfoByFd } from './info.ts';
import { iterCreate } from './iter.ts';
import { linkCreate, linkDetach, linkUpdate } from './link.ts';
import { deleteBatch, lookupBatch, updateBatch } from './map-batch.ts';
import { mapCreate } from './map-create.ts';
import { mapDelete, mapFreeze, mapGetNextKey, mapLookup, mapLookupAndDelete, mapUpdate } from './map-elem.ts';
import { objGet, objPin } from './obj.ts';
import { rawTracepointOpen, taskFdQuery } from './probe-attach.ts';
import { progAttach, progDetach, progQuery } from './prog-attach.ts';
import { progLoad } from './prog-load.ts';
import { enableStats, progBindMap, progStreamRead } from './prog-misc.ts';
import { testRun } from './test-run.ts';

type Handler<C extends BpfCmd> = (process: Process, attr: CheckedAttr<C>) => number;

/** The commands of bpf(2): each answers -errno, 0, or a new fd. What is `absent` says so. */
// biome-ignore format: aligned table
const HANDLERS: { readonly [C in BpfCmd]: Handler<C> } = {
  BPF_MAP_CREATE:                  mapCreate,
  BPF_MAP_LOOKUP_ELEM:             mapLookup,
  BPF_MAP_UPDATE_ELEM:             mapUpdate,
  BPF_MAP_DELETE_ELEM:             mapDelete,
  BPF_MAP_GET_NEXT_KEY:            mapGetNextKey,
  BPF_MAP_LOOKUP_AND_DELETE_ELEM:  mapLookupAndDelete,
  BPF_MAP_FREEZE:                  mapFreeze,
  BPF_MAP_LOOKUP_BATCH:            (process, attr) => lookupBatch(process, attr, 'lookup'),
  BPF_MAP_LOOKUP_AND_DELETE_BATCH: (process, attr) => lookupBatch(process, attr, 'lookup_and_delete'),
  BPF_MAP_UPDATE_BATCH:            updateBatch,
  BPF_MAP_DELETE_BATCH:            deleteBatch,
  BPF_MAP_GET_NEXT_ID:             (process, attr) => getNextId(process.machine.maps, attr),
  BPF_MAP_GET_FD_BY_ID:            mapGetFdById,
  BPF_PROG_LOAD:                   progLoad,
  BPF_PROG_TEST_RUN:               testRun,
  BPF_PROG_GET_NEXT_ID:            (process, attr) => getNextId(process.machine.progs, attr),
  BPF_PROG_GET_FD_BY_ID:           progGetFdById,
  BPF_PROG_BIND_MAP:               progBindMap,
  BPF_PROG_ATTACH:                 progAttach,
  BPF_PROG_DETACH:                 progDetach,
  BPF_PROG_QUERY:                  progQuery,
  BPF_OBJ_PIN:                     objPin,
  BPF_OBJ_GET:                     objGet,
  BPF_OBJ_GET_INFO_BY_FD:          objGetInfoByFd,
  BPF_BTF_LOAD:                    btfLoad,
  BPF_BTF_GET_NEXT_ID:             (process, attr) => getNextId(process.machine.btfs, attr),
  BPF_BTF_GET_FD_BY_ID:            btfGetFdById,
  BPF_LINK_CREATE:                 linkCreate,
  BPF_LINK_UPDATE:                 linkUpdate,
  BPF_LINK_DETACH:                 linkDetach,
  BPF_LINK_GET_NEXT_ID:            (process, attr) => getNextId(process.machine.links, attr),
  BPF_LINK_GET_FD_BY_ID:           linkGetFdById,
  BPF_ENABLE_STATS:                enableStats,
  BPF_RAW_TRACEPOINT_OPEN:         rawTracepointOpen,
  BPF_TASK_FD_QUERY:               taskFdQuery,
  BPF_ITER_CREATE:                 iterCreate,
  BPF_TOKEN_CREATE:                absent('BPF_TOKEN_CREATE'),
  BPF_PROG_STREAM_READ_BY_FD:      progStreamRead,
};

/**
 * Carries out one command. Changes the numbers of `attr` that the kernel answers with, also if it fails. Returns the new fd or 0, or -errno;
 * throws SysError for attributes of the wrong kind.
 */
export function callBpf<C extends BpfCmd>(process: Process, cmd: C, attr: object): number {
  const checked = checkAttr(cmd, attr);
  const handler: Handler<C> = HANDLERS[cmd];
  try {
    return handler(process, checked);
  } finally {
    copyBack(cmd, checked, attr);
  }
}

/** What Linux has and this kernel has not. */
function absent(cmd: BpfCmd): (process: Process) => number {
  return (process) => process.fail(errno.ENOTSUPP, `the embedded kernel does not have ${cmd} yet`);
}
