export { type MapShape, mapDifferences } from './compatible.ts';
export { addDevice, deleteDevice, findDevice, listDevices, type NewDevice, setDeviceUp } from './devices.ts';
export type { Globals } from './globals.ts';
export { listMaps, listPrograms, type MapInfo, type ProgramInfo } from './info.ts';
export { type LoadOptions, load } from './load.ts';
export { LoadedObject } from './loaded.ts';
export { BpfMap, type MapSource, openMap, type UpdateMode } from './map.ts';
export { BpfObject, ObjectMap, openObject } from './object.ts';
export { type CustomPins, type PinRules, parseCustomPins, pinPath } from './pin-path.ts';
export { type MapFate, type MapPlan, planLoad } from './plan.ts';
export { BpfProgram, openProgram, type ProgramSource, type RunOptions, type RunResult } from './program.ts';
export type { AnyShape, KeyOf, ObjectShape, ValueOf } from './shape.ts';
export type { ReuseSource, ShareOptions } from './share.ts';
export {
  deleteFilter,
  deleteQdisc,
  type FilterOptions,
  type FilterPlace,
  type FilterProgram,
  type FilterVerb,
  getFilter,
  listFilters,
  listQdiscs,
  type QdiscVerb,
  setFilter,
  setQdisc,
} from './tc.ts';
export { TraceLog } from './trace.ts';
export { formatXlated, type XlatedLine } from './xlated.ts';
