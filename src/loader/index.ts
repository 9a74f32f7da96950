export {
  type Exportable,
  type ExportOptions,
  exportFds,
  type ImportedFd,
  ImportedFds,
  type ImportOptions,
  importFds,
} from './agent.ts';
export type { ExportedObject } from './agent-message.ts';
export { attachBySection, attachesBySection } from './attach/auto.ts';
export {
  attachProgramToCgroup,
  attachToCgroup,
  type CgroupHook,
  type CgroupOptions,
  detachProgramFromCgroup,
} from './attach/cgroup.ts';
export type { DeviceName } from './attach/device.ts';
export { attachIterator, type IterOver, openIterator, readIterator } from './attach/iter.ts';
export {
  attachKprobe,
  attachKprobeMulti,
  type KprobeMultiOptions,
  type KprobeOptions,
  type KprobeTargets,
} from './attach/kprobe.ts';
export { attachNetfilter, type NetfilterOptions } from './attach/netfilter.ts';
export { attachToNetns, clearFlowDissector, type NetnsHook, setFlowDissector } from './attach/netns.ts';
export { attachPerfEvent, type PerfEventOptions } from './attach/perf-event.ts';
export type { Neighbour, Position } from './attach/position.ts';
export { type AttachedProgram, type AttachedPrograms, type QueryTarget, queryPrograms } from './attach/query.ts';
export { attachRawTracepoint } from './attach/raw-tracepoint.ts';
export {
  attachToSockmap,
  detachFromSockmap,
  linkToSockmap,
  type SockmapHook,
} from './attach/sockmap.ts';
export { attachStructOps, structOpsName, unregisterStructOps } from './attach/struct-ops.ts';
export {
  attachProgramToDevice,
  attachToDevice,
  type DeviceHook,
  detachProgramFromDevice,
} from './attach/tcx.ts';
export { attachTracepoint } from './attach/tracepoint.ts';
export { attachExtension, attachTracing, type TracingOptions } from './attach/tracing.ts';
export {
  attachUprobe,
  attachUprobeMulti,
  type UprobeMultiOptions,
  type UprobeMultiPlace,
  type UprobeOptions,
  type UprobePlace,
  type UprobePlaces,
} from './attach/uprobe.ts';
export { attachUsdt, UsdtMaps, type UsdtOptions } from './attach/usdt.ts';
export { attachXdp, setXdp, type XdpMode, type XdpOptions } from './attach/xdp.ts';
export { type MapShape, mapDifferences } from './compatible.ts';
export { addDevice, deleteDevice, findDevice, listDevices, type NewDevice, setDeviceUp } from './devices.ts';
export { diagnose, type Finding } from './doctor.ts';
export { explain, type Reason } from './explain.ts';
export { type Features, type ProbeOptions, probeFeatures } from './features.ts';
export type { Globals } from './globals.ts';
export { listMaps, listPrograms, type MapInfo, type ProgramInfo } from './info.ts';
export { type Attachment, BpfLink, type LinkSource, listLinks, openLink } from './link.ts';
export type { LinkInfo, LinkTarget, PerfTarget } from './link-info.ts';
export { type LoadOptions, load } from './load.ts';
export { LoadedObject } from './loaded.ts';
export { BpfMap, type MapSource, openMap, type UpdateMode } from './map.ts';
export { MappedArray } from './mapped-array.ts';
export type { MappedGlobals } from './mapped-globals.ts';
export { BpfObject, ObjectMap, openObject } from './object.ts';
export { openPerfBuffer, PerfBuffer, type PerfBufferOptions, type PerfLoss, type PerfSample } from './perf-buffer.ts';
export type { Wakeup } from './perf-ring.ts';
export { type CustomPins, type PinRules, parseCustomPins, pinPath } from './pin-path.ts';
export { type MapFate, type MapPlan, planLoad } from './plan.ts';
export { BpfProgram, openProgram, type ProgramSource, type RunOptions, type RunResult } from './program.ts';
export { openRingBuffer, RingBuffer, type RingEvent, ringEvents } from './ring-buffer.ts';
export type { AnyShape, KeyOf, ObjectShape, ValueOf } from './shape.ts';
export type { ReuseSource, ShareOptions } from './share.ts';
export {
  deleteFilter,
  deleteQdisc,
  type FilterOptions,
  type FilterPlace,
  type FilterVerb,
  getFilter,
  listFilters,
  listQdiscs,
  type QdiscVerb,
  type SharedBlocks,
  setFilter,
  setQdisc,
} from './tc.ts';
export {
  type ActionId,
  type ActionSpec,
  type ActionVerb,
  deleteActions,
  flushActions,
  getActions,
  listActions,
  setActions,
} from './tc-action.ts';
export { addChain, type ChainPlace, deleteChain, getChain, listChains } from './tc-chain.ts';
export type { FilterHook } from './tc-hook.ts';
export type { FilterProgram } from './tc-program.ts';
export type { TokenSource } from './token.ts';
export { TraceLog } from './trace.ts';
export { openUserRingBuffer, type Reservation, UserRingBuffer } from './user-ring-buffer.ts';
export { type MapChange, watchMap } from './watch-map.ts';
export { formatXlated, type XlatedLine } from './xlated.ts';
