import { BPF_EXIST, BPF_NOEXIST } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { CHILD, COUNT, DATA, FORK, FREE, type LpmTrie, PREFIX } from '../maps/lpm-trie.ts';
import { TrieText } from './lpm-text.ts';
import { WasmCode } from './wasm-code.ts';

/** What the function that {@link emitTrieUpdate} writes answers where too few nodes are free: then nothing has changed, and the helper gets more of them. */
export const NO_NODES = 1;

/** Offset of the second child. */
const SECOND = CHILD + 4;

// Parameters.
const KEY = 0;
const VALUE = 1;
const FLAGS = 2;

/** (key, value, flags) -> 0, -errno or {@link NO_NODES}. As `LpmTrie.update`, with flags below 3. */
export function emitTrieUpdate(map: LpmTrie): Uint8Array {
  const code = new WasmCode(3);
  const text = new TrieText(map, code);
  const [isNew, fresh, next] = [code.local('i32'), code.local('i32'), code.local('i32')];
  text.walk(KEY);
  // A fork is none of the prefixes.
  code.get(text.exact);
  code.block('if', 'i32');
  text.load(text.node, FORK);
  code.op('else');
  code.i32(1);
  code.end();
  code.tee(isNew);
  code.block('if');
  answerIfFlags(text, BPF_EXIST, errno.ENOENT);
  text.header(COUNT);
  code.i32(map.attr.maxEntries | 0);
  code.op('i32_ge_u');
  code.answerIf(-errno.ENOSPC);
  code.op('else');
  answerIfFlags(text, BPF_NOEXIST, errno.EEXIST);
  code.end();

  text.header(FREE);
  code.tee(fresh);
  code.op('i32_eqz');
  code.answerIf(NO_NODES);
  text.load(fresh, 0);
  code.set(next);
  code.get(text.exact);
  code.block('if');
  emitRenewal(text, fresh, next);
  code.op('else');
  emitInsertion(text, fresh, next);
  code.end();
  text.addToHeader(COUNT, () => code.get(isNew));
  code.i32(0);
  return code.finish();
}

function answerIfFlags({ code }: TrieText, flags: number, error: number): void {
  code.get(FLAGS);
  code.i32(flags);
  code.op('i32_eq');
  code.answerIf(-error);
}

/** Puts a free node, behind which there is another or 0, in the place of the one that was found, which is the first free one then. */
function emitRenewal(text: TrieText, fresh: number, next: number): void {
  const { code, node, link, length } = text;
  code.get(fresh);
  code.get(node);
  code.memory('i64_load', CHILD, 2);
  code.memory('i64_store', CHILD, 2);
  text.writePrefix(fresh, KEY, length, 0);
  text.writeValue(fresh, VALUE);
  text.store(link, 0, fresh);
  text.store(node, 0, next);
  text.setHeader(FREE, node);
}

/** Puts it where no node with its prefix is. */
function emitInsertion(text: TrieText, fresh: number, next: number): void {
  const { code, node, common, length, link } = text;
  const top = code.local('i32');
  const clear = () => {
    code.get(fresh);
    code.i64(0, 0);
    code.memory('i64_store', CHILD, 2);
  };
  code.get(fresh);
  code.set(top);
  code.get(node);
  code.op('i32_eqz');
  code.block('if');
  clear();
  code.op('else');
  code.get(common);
  code.get(length);
  code.op('i32_eq');
  code.block('if');
  clear();
  text.setChild(fresh, node, { from: node, offset: DATA, bit: length });
  code.op('else');
  // Both go on from a fork.
  code.get(next);
  code.tee(top);
  code.op('i32_eqz');
  code.answerIf(NO_NODES);
  text.load(top, 0);
  code.set(next);
  clear();
  text.writePrefix(top, KEY, common, 1);
  text.setChild(top, fresh, { from: KEY, offset: PREFIX, bit: common });
  text.setChild(top, node, { from: KEY, offset: PREFIX, bit: common, other: true });
  code.end();
  code.end();
  text.writePrefix(fresh, KEY, length, 0);
  text.writeValue(fresh, VALUE);
  text.setHeader(FREE, next);
  text.store(link, 0, top);
}

/** (key) -> 0 or -errno. As `LpmTrie.delete`. */
export function emitTrieDelete(map: LpmTrie): Uint8Array {
  const code = new WasmCode(1);
  const text = new TrieText(map, code);
  const { node, link, parent, parentLink } = text;
  const [left, below] = [code.local('i32'), code.local('i32')];
  text.walk(KEY);
  code.get(text.exact);
  code.op('i32_eqz');
  code.answerIf(-errno.ENOENT);
  text.load(node, FORK);
  code.answerIf(-errno.ENOENT);
  text.addToHeader(COUNT, () => code.i32(-1));
  text.load(node, CHILD);
  code.tee(left);
  code.block('if');
  text.load(node, SECOND);
  code.block('if');
  // Its children still need it; without a value it is a fork.
  code.get(node);
  code.i32(1);
  code.memory('i32_store', FORK, 2);
  code.answer(0);
  code.end();
  code.end();
  // One of them is 0.
  code.get(link);
  code.get(left);
  text.load(node, SECOND);
  code.op('i32_or');
  code.tee(below);
  code.memory('i32_store', 0, 2);
  text.give(node);
  code.get(below);
  code.op('i32_eqz');
  code.get(parent);
  code.i32(0);
  code.op('i32_ne');
  code.op('i32_and');
  code.block('if');
  text.load(parent, FORK);
  code.block('if');
  // A fork with one child left is none.
  code.get(parentLink);
  text.load(parent, CHILD);
  text.load(parent, SECOND);
  code.op('i32_or');
  code.memory('i32_store', 0, 2);
  text.give(parent);
  code.end();
  code.end();
  code.i32(0);
  return code.finish();
}
