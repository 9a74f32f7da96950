import { parseDeclaration } from './declaration.ts';

/** Declarations of a test by what they are: structs with their members, functions, typedefs of tracepoints; and functions whose results may be changed. */
export interface Declared {
  readonly structs: readonly (readonly [name: string, members: string])[];
  readonly functions: readonly string[];
  readonly typedefs: readonly string[];
  readonly injected: readonly string[];
}

const STRUCT = /^struct (\w+) ?\{ ?(.*?) ?;? ?\}$/;
const TYPEDEF = /^typedef (.*)$/;
const INJECTION = /^ALLOW_ERROR_INJECTION ?\( ?(\w+) ?(?:, ?\w+ ?)?\)$/;

export function sortDeclarations(declarations: readonly string[]): Declared {
  const structs: [string, string][] = [];
  const functions: string[] = [];
  const typedefs: string[] = [];
  const injected: string[] = [];
  for (const given of declarations) {
    const text = given.trim().replace(/\s+/g, ' ').replace(/ ?;$/, '');
    const [, struct, members] = STRUCT.exec(text) ?? [];
    const typedef = TYPEDEF.exec(text)?.[1];
    const injection = INJECTION.exec(text)?.[1];
    if (struct !== undefined && members !== undefined) structs.push([struct, members]);
    else if (typedef !== undefined) typedefs.push(typedef);
    else if (injection !== undefined) injected.push(injection);
    else functions.push(text);
  }
  return { structs, functions, typedefs, injected };
}

/** The functions among declarations, by name. Throws UsageError for one that cannot be read. */
export function declaredFunctions(declarations: readonly string[]): {
  readonly functions: readonly string[];
  readonly injected: ReadonlySet<string>;
} {
  const { functions, injected } = sortDeclarations(declarations);
  return { functions: functions.map((text) => parseDeclaration(text).name), injected: new Set(injected) };
}
