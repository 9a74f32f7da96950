import { UsageError } from '../../errors.ts';
import { DEFAULT_BPFFS, findBpffs, joinPath } from '../../loader/bpffs.ts';
import type { PinRules } from '../../loader/pin-path.ts';
import type { ReuseSource, ShareOptions } from '../../loader/share.ts';
import type { Context } from '../command.ts';
import { selectMap } from '../selectors.ts';
import type { Words } from '../words.ts';
import { customPins } from './object-words.ts';

/** The words by which a user says where the maps of an object come from, for commands that load and those that plan. */
export const SHARE_USAGE = [
  '[map {idx N | name NAME} MAP]... [pin NAME=PATH]... [share NAME]... [isolate NAME]... [max_entries NAME=N]...',
  '[pinning {declared | tc | libbpf | none}] [strict]',
].join(' ');

/** Collects such words, one after the other. */
export class ShareWords {
  readonly #context: Context;
  // Maps, because the names are the user's: an object knows a `constructor` that nobody gave.
  readonly #reuse = new Map<string, ReuseSource>();
  readonly #pins = new Map<string, string>();
  readonly #isolate: string[] = [];
  #pinRules: PinRules | undefined;
  readonly #maxEntries = new Map<string, number>();
  #strict = false;

  constructor(context: Context, pinRules?: PinRules) {
    this.#context = context;
    this.#pinRules = pinRules;
  }

  /** Takes the next words if they are about sharing; false if not. */
  take(words: Words): boolean {
    switch (words.exact('map', 'pin', 'share', 'isolate', 'max_entries', 'pinning', 'strict')) {
      case 'map':
        this.#map(words);
        return true;
      case 'pin': {
        const [name, path] = split(words.next('NAME=PATH'), 'NAME=PATH');
        this.#pins.set(name, path);
        return true;
      }
      case 'share': {
        // Where tc looks for maps that everybody shares.
        const name = words.next('the name of the map to share');
        this.#pins.set(name, joinPath(findBpffs(this.#context.kernel) ?? DEFAULT_BPFFS, 'tc/globals', name));
        return true;
      }
      case 'isolate':
        this.#isolate.push(words.next('the name of the map that is not to be shared'));
        return true;
      case 'max_entries': {
        const [name, n] = split(words.next('NAME=N'), 'NAME=N');
        if (!/^\d+$/.test(n)) throw new UsageError(`max_entries of ${name}: '${n}' is no number`);
        this.#maxEntries.set(name, Number(n));
        return true;
      }
      case 'pinning':
        this.#pinRules = words.expect('declared', 'tc', 'libbpf', 'none');
        return true;
      case 'strict':
        this.#strict = true;
        return true;
      default:
        return false;
    }
  }

  options(): ShareOptions {
    return {
      reuse: Object.fromEntries(this.#reuse),
      pins: Object.fromEntries(this.#pins),
      isolate: this.#isolate,
      pinRules: this.#pinRules,
      maxEntries: Object.fromEntries(this.#maxEntries),
      strict: this.#strict,
      customPins: customPins(this.#context),
    };
  }

  #map(words: Words): void {
    const by = words.expect('idx', 'name');
    const which = by === 'idx' ? String(words.number('the index of the map')) : words.next('the name of the map');
    if (this.#reuse.has(which)) throw new UsageError(`a replacement for map ${which} is given twice`);
    this.#reuse.set(which, selectMap(this.#context.kernel, words));
  }
}

function split(word: string, form: string): [name: string, value: string] {
  const equals = word.indexOf('=');
  if (equals > 0 && equals < word.length - 1) return [word.slice(0, equals), word.slice(equals + 1)];
  throw new UsageError(`'${word}': ${form} is expected`);
}
