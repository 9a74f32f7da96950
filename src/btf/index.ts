export { Btf, parseBtf } from './btf.ts';
export { CORE_KINDS, type CoreKind, type CoreRelocation, type CoreResult, coreKind, resolveCore } from './core.ts';
export { isChar } from './decode.ts';
export { type BtfExt, type InfoRecord, type InfoTable, parseBtfExt } from './ext.ts';
export { formatRaw, type RawType, rawJson } from './format-raw.ts';
export { type LayoutDifference, layoutDifference } from './layout.ts';
export { type PrintCOptions, printC } from './print-c.ts';
export * from './types.ts';
export { type BtfValue, decodeValue, encodeValue } from './value.ts';
