/** Words that stand for another one at their place, as in the originals; they may be abbreviated too. */
const SYNONYMS: ReadonlyMap<string, readonly string[]> = new Map([
  ['show', ['list', 'lst', 'ls']],
  ['delete', ['del']],
  ['prog', ['program']],
  ['debug', ['dbg']],
]);

/** Whether a word is (a prefix of) this part of a command's path, or of a synonym of it. */
export function wordMatches(part: string, word: string): boolean {
  return word !== '' && [part, ...(SYNONYMS.get(part) ?? [])].some((name) => name.startsWith(word));
}

/** Whether all words match the parts of the path at their place. There may be more parts, but not more words. */
export function wordsMatch(path: readonly string[], words: readonly string[]): boolean {
  return words.every((word, i) => {
    const part = path[i];
    return part !== undefined && wordMatches(part, word);
  });
}
