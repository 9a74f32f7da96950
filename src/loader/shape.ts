import type { Globals } from './globals.ts';

/**
 * The types of an object file, as `skep gen types` writes them: with them a map that is not there is a compile error, and a key or value has its type.
 * Without, everything is `unknown` and may be missing.
 */
export interface ObjectShape {
  readonly maps: Readonly<Record<string, { readonly key: unknown; readonly value: unknown }>>;
  readonly programs: Readonly<Record<string, true>>;
  readonly globals: Globals;
}

/** A module of `skep gen types` is an interface, which has no index signature, and so cannot extend {@link ObjectShape} itself. */
export type AnyShape = {
  readonly maps: object;
  readonly programs: object;
  readonly globals: object;
};

export type KeyOf<S extends AnyShape, M extends keyof S['maps']> = S['maps'][M] extends { readonly key: infer K }
  ? K
  : unknown;
export type ValueOf<S extends AnyShape, M extends keyof S['maps']> = S['maps'][M] extends { readonly value: infer V }
  ? V
  : unknown;
