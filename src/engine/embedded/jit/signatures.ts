import type { Signature } from './wasm-module.ts';

// What functions of compiled programs take and give back; see `Shape`.
export const VERDICT: Signature = { params: ['i32', 'i32'], result: 'i32' };
export const LOOP: Signature = { params: ['i32', 'i32', 'i32'], result: 'i32' };
export const BATCH: Signature = { params: ['i32', 'i32', 'i32'] };
export const TARGET: Signature = { params: ['i32', 'i32', 'i32'], result: 'i64' };
export const FUNCTION: Signature = { params: ['i64', 'i64', 'i64', 'i64', 'i64', 'i32'], result: 'i64' };
export const CALLBACK: Signature = { params: ['i32'], result: 'i32' };
export const HELPER: Signature = { params: [], result: 'i32' };
export const FIND: Signature = { params: ['i32', 'i32'], result: 'i32' };
