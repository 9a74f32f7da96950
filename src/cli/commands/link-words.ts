import type { BpfLink } from '../../loader/link.ts';
import type { Words } from '../words.ts';

/** `pin FILE`: attach by a link that is kept there. `undefined`: attach without one. */
export function pinWord(words: Words): string | undefined {
  return words.exact('pin') === undefined ? undefined : words.next('the path to pin the link at');
}

/** The pin holds the link from here on; if that fails, nothing does. */
export function pinLink(made: BpfLink, path: string): void {
  using link = made;
  link.pin(path);
}
