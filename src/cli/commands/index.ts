import { defaultSocket, type SharedKernel } from '../../server/index.ts';
import type { AnyCommand } from '../command.ts';
import { asm, disasm } from './asm.ts';
import { btfDump, btfShow } from './btf.ts';
import { fsLs, fsMkdir, fsMv, fsRm, fsTree } from './fs.ts';
import { genMinCoreBtf, genSkeleton, genSubskeleton, genTypes } from './gen.ts';
import { genObject } from './gen-object.ts';
import { helpCommand } from './help.ts';
import { linkAdd, linkDelete, linkSet, linkShow } from './ip.ts';
import { mapCreate, mapDelete, mapDump, mapFreeze, mapGetNext, mapLookup, mapPin, mapShow, mapUpdate } from './map.ts';
import { netSend } from './net.ts';
import { plan } from './plan.ts';
import { progDumpXlated, progLoad, progLoadAll, progPin, progRun, progShow } from './prog.ts';
import { serveCommand } from './serve.ts';
import { structOpsRegister, structOpsShow, structOpsUnregister } from './struct-ops.ts';
import { filterCommands, filterDelete, filterGet, filterShow, qdiscCommands, qdiscShow } from './tc.ts';
import { progTracelog } from './tracelog.ts';

/** All commands. The order decides what an abbreviation means: the first that matches. `loadKernel` brings what makes the kernel of `serve`. */
export function commandTable(loadKernel: () => Promise<() => SharedKernel>): readonly AnyCommand[] {
  const commands: readonly AnyCommand[] = [
    qdiscShow,
    ...qdiscCommands,
    ...filterCommands,
    filterDelete,
    filterGet,
    filterShow,
    progShow,
    progDumpXlated,
    progPin,
    progLoad,
    progLoadAll,
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
    mapFreeze,
    linkShow,
    linkAdd,
    linkDelete,
    linkSet,
    netSend,
    fsLs,
    fsTree,
    fsMkdir,
    fsMv,
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
    structOpsRegister,
    structOpsUnregister,
    serveCommand(defaultSocket, loadKernel),
    helpCommand(() => commands),
  ];
  return commands;
}
