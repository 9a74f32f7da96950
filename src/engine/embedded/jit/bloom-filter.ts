import { BPF_ANY } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { BloomFilter } from '../maps/bloom-filter.ts';
import type { BpfMap } from '../maps/map.ts';
import { MAX_WRITTEN_OUT } from './emit-bytes.ts';
import { emitFinish, emitKeyWord } from './emit-hash.ts';
import { WasmCode } from './wasm-code.ts';

/** A filter whose bits compiled programs find by themselves. */
export function isCompiledBloom(map: BpfMap): map is BloomFilter {
  return map instanceof BloomFilter && map.attr.valueSize <= MAX_WRITTEN_OUT;
}

/** (value, flags) -> 0 or -errno. As `BloomFilter.push`. */
export function emitBloomPush(map: BloomFilter): Uint8Array {
  const code = new WasmCode(2);
  const [value, flags] = [0, 1];
  code.get(flags);
  code.i32(BPF_ANY);
  code.op('i32_ne');
  code.answerIf(-errno.EINVAL);
  eachBit(code, map, value, (at, bit) => {
    code.get(at);
    code.get(at);
    code.memory('i32_load8_u', 0);
    code.i32(1);
    code.get(bit);
    code.op('i32_shl');
    code.op('i32_or');
    code.memory('i32_store8', 0);
  });
  code.i32(0);
  return code.finish();
}

/** (value) -> 0 or -ENOENT. As `BloomFilter.peek`. */
export function emitBloomPeek(map: BloomFilter): Uint8Array {
  const code = new WasmCode(1);
  eachBit(code, map, 0, (at, bit) => {
    code.get(at);
    code.memory('i32_load8_u', 0);
    code.get(bit);
    code.op('i32_shr_u');
    code.i32(1);
    code.op('i32_and');
    code.op('i32_eqz');
    code.answerIf(-errno.ENOENT);
  });
  code.i32(0);
  return code.finish();
}

/** Finds the bit of each hash of a value: `write` is told the locals that have the address of its byte, and which bit it is there. */
function eachBit(code: WasmCode, map: BloomFilter, value: number, write: (at: number, bit: number) => void): void {
  const { valueSize } = map.attr;
  const words: number[] = [];
  for (let offset = 0; offset < valueSize; offset += 4) {
    const word = code.local('i32');
    emitKeyWord(code, value, offset, Math.min(4, valueSize - offset), word);
    code.set(word);
    words.push(word);
  }
  const [hash, at] = [code.local('i32'), code.local('i32')];
  for (const factors of map.factors) {
    // As `hashKey`.
    code.i32(valueSize);
    for (const [i, word] of words.entries()) {
      code.get(word);
      code.i32(factors[i] ?? 1);
      code.op('i32_mul');
      code.op('i32_add');
    }
    emitFinish(code, hash);
    code.i32(map.mask | 0);
    code.op('i32_and');
    code.tee(hash);
    code.i32(3);
    code.op('i32_shr_u');
    code.i32(map.bits);
    code.op('i32_add');
    code.set(at);
    code.get(hash);
    code.i32(7);
    code.op('i32_and');
    code.set(hash);
    write(at, hash);
  }
}
