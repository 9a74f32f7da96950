import { defaultSocket, type SharedKernel } from '../../server/index.ts';
import type { AnyCommand } from '../command.ts';
import { asm, disasm } from './asm.ts';
import { btfDump, btfShow } from './btf.ts';
import { cgroupAttach, cgroupDetach, cgroupShow, cgroupTreeShow } from './cgroup.ts';
import { doctor } from './doctor.ts';
import { mapEventPipe } from './event-pipe.ts';
import { explain } from './explain.ts';
import { featureListBuiltins, featureProbe } from './feature.ts';
import { fsChmod, fsChown, fsLs, fsMkdir, fsMv, fsRm, fsTree } from './fs.ts';
import { genMinCoreBtf, genSkeleton, genSubskeleton, genTypes } from './gen.ts';
import { genObject } from './gen-object.ts';
import { helpCommand } from './help.ts';
import { linkShow as deviceShow, linkAdd, linkDelete, linkSet } from './ip.ts';
import { iterPin } from './iter.ts';
import { linkDetach, linkPin, linkShow, linkUpdate } from './link.ts';
import { mapCreate, mapDelete, mapDump, mapFreeze, mapGetNext, mapLookup, mapPin, mapShow, mapUpdate } from './map.ts';
import { queueCommands } from './map-queue.ts';
import { netSend } from './net.ts';
import { netAttach, netDetach, netShow } from './net-hooks.ts';
import { perfShow } from './perf.ts';
import { plan } from './plan.ts';
import { progDumpXlated, progLoad, progLoadAll, progPin, progShow } from './prog.ts';
import { progAttach, progDetach } from './prog-attach.ts';
import { progRun } from './prog-run.ts';
import { serveCommand } from './serve.ts';
import { structOpsDump, structOpsRegister, structOpsShow, structOpsUnregister } from './struct-ops.ts';
import { actionCommands, actionsDelete, actionsFlush, actionsGet, actionsShow } from './tc-actions.ts';
import { chainCommands } from './tc-chain.ts';
import { execDebug, execGraft, execImport } from './tc-exec.ts';
import { filterCommands, filterDelete, filterGet, filterShow } from './tc-filter.ts';
import { qdiscCommands, qdiscShow } from './tc-qdisc.ts';
import { progTracelog } from './tracelog.ts';
import { watch } from './watch.ts';

/** All commands. The order decides what an abbreviation means: the first that matches. `loadKernel` brings what makes the kernel of `serve`. */
export function commandTable(loadKernel: () => Promise<() => SharedKernel>): readonly AnyCommand[] {
  const commands: readonly AnyCommand[] = [
    qdiscShow,
    ...qdiscCommands,
    ...filterCommands,
    filterDelete,
    filterGet,
    filterShow,
    ...chainCommands,
    ...actionCommands,
    actionsDelete,
    actionsGet,
    actionsShow,
    actionsFlush,
    execImport,
    execDebug,
    execGraft,
    progShow,
    progDumpXlated,
    progPin,
    progLoad,
    progLoadAll,
    progAttach,
    progDetach,
    progTracelog,
    progRun,
    mapShow,
    mapDump,
    mapUpdate,
    mapLookup,
    mapGetNext,
    mapDelete,
    mapPin,
    mapCreate,
    mapEventPipe,
    ...queueCommands,
    mapFreeze,
    linkShow,
    linkPin,
    linkDetach,
    linkUpdate,
    cgroupShow,
    cgroupTreeShow,
    cgroupAttach,
    cgroupDetach,
    perfShow,
    netShow,
    netAttach,
    netDetach,
    iterPin,
    deviceShow,
    linkAdd,
    linkDelete,
    linkSet,
    netSend,
    fsLs,
    fsTree,
    fsMkdir,
    fsMv,
    fsChmod,
    fsChown,
    fsRm,
    plan,
    btfShow,
    btfDump,
    asm,
    disasm,
    genObject,
    genSkeleton,
    genSubskeleton,
    genMinCoreBtf,
    genTypes,
    structOpsShow,
    structOpsDump,
    structOpsRegister,
    structOpsUnregister,
    featureProbe,
    featureListBuiltins,
    doctor,
    explain,
    watch,
    serveCommand(defaultSocket, loadKernel),
    helpCommand(() => commands),
  ];
  return commands;
}
