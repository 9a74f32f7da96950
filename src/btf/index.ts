export { Btf, parseBtf } from './btf.ts';
export { type BtfExt, type InfoRecord, type InfoTable, parseBtfExt } from './ext.ts';
export * from './types.ts';
export { type BtfValue, decodeValue, encodeValue } from './value.ts';
