/** What the log says of one register or slot of the stack. */
export interface Value {
  /** As the log writes it. */
  readonly text: string;
  /** `scalar`, `ctx`, `map_value`, `map_value_or_null`, `ptr_task_struct`, `fp`, `bytes` (of the stack, not followed), … */
  readonly kind: string;
  /** What stands in parentheses: `map=hits`, `r=14`, `umax=255`. */
  readonly facts: ReadonlyMap<string, string>;
  /** Of a scalar, or of what was added to a pointer. */
  readonly range: Range;
}

/** `undefined`: the log does not bound it. All ends belong to it. */
export interface Range {
  readonly smin: bigint | undefined;
  readonly smax: bigint | undefined;
  readonly umin: bigint | undefined;
  readonly umax: bigint | undefined;
}

const U64 = 1n << 64n;
const NOTHING: Range = { smin: undefined, smax: undefined, umin: undefined, umax: undefined };
const ENTRY = /\b(R\d+|fp-\d+)(?:_[a-z]+)?=([^\s()]*(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?)/g;

/** Registers (`R0`) and slots of the stack (`fp-8`) of a line of state, ` R0=5 fp-8=mmmmmmmm`. */
export function parseState(text: string): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>();
  for (const [, name = '', value = ''] of text.matchAll(ENTRY)) values.set(name, parseValue(value));
  return values;
}

/** One value, of any kernel since 5.10: `scalar(umax=255)`, `inv(id=0,umax_value=255)`, `invP5`, `0xff`, `fp-8`. */
export function parseValue(text: string): Value {
  const open = text.indexOf('(');
  const head = (open < 0 ? text : text.slice(0, open)).replace(/^P(?=\w)/, '');
  const facts = parseFacts(open < 0 ? '' : text.slice(open + 1, text.lastIndexOf(')')));
  const number = /^(?:invP?|scalarP?)?(-?\d+|0x[0-9a-f]+)$/.exec(head)?.[1];
  if (number !== undefined) return { text, kind: 'scalar', facts, range: constant(BigInt(number)) };
  if (/^fp(?:\[\d+\])?-?\d*$/.test(head)) return { text, kind: 'fp', facts, range: rangeOf(facts) };
  if (/^[m0r?dif]{1,8}$/.test(head) && open < 0) return { text, kind: 'bytes', facts, range: NOTHING };
  const kind = /^(?:invP?|scalarP?)$/.test(head) ? 'scalar' : head;
  return { text, kind, facts, range: rangeOf(facts) };
}

function parseFacts(text: string): ReadonlyMap<string, string> {
  const facts = new Map<string, string>();
  // `smin=smin32=0`: both names have the value. var_off has a blank and a semicolon in it, but no comma.
  for (const part of text.split(',')) {
    const names = part.split('=');
    const value = names.pop() ?? '';
    for (const name of names) facts.set(name.replace(/_value$/, ''), value);
  }
  return facts;
}

function constant(value: bigint): Range {
  const signed = BigInt.asIntN(64, value);
  const unsigned = BigInt.asUintN(64, value);
  return { smin: signed, smax: signed, umin: unsigned, umax: unsigned };
}

function rangeOf(facts: ReadonlyMap<string, string>): Range {
  const number = (name: string): bigint | undefined => {
    const text = facts.get(name);
    return text !== undefined && /^(?:-?\d{1,20}|0x[0-9a-f]{1,16})$/.test(text) ? BigInt(text) : undefined;
  };
  const signed = (name: string) => {
    const found = number(name);
    return found === undefined ? undefined : BigInt.asIntN(64, found);
  };
  const imm = signed('imm');
  if (imm !== undefined && imm !== 0n) return constant(imm);
  const [smin, smax] = [signed('smin'), signed('smax')];
  const [umin, umax] = [number('umin'), number('umax')];
  // Either kind of bounds says something of the other, where nothing is below 0.
  const natural = smin !== undefined && smin >= 0n;
  return {
    smin: smin ?? (umax !== undefined && umax < U64 / 2n ? (umin ?? 0n) : undefined),
    smax: smax ?? (umax !== undefined && umax < U64 / 2n ? umax : undefined),
    umin: umin ?? (natural ? smin : undefined),
    umax: umax ?? (natural ? smax : undefined),
  };
}

/** Where a value may be, in words: `5`, `0 to 255`, `at least -8`, `any number`. */
export function rangeText({ smin, smax, umin, umax }: Range): string {
  const low = umin !== undefined && umin > 0n && (smin === undefined || smin < 0n) ? umin : smin;
  const high = umax !== undefined && (smax === undefined || low === umin) ? umax : smax;
  if (low === undefined && umax !== undefined) return `0 to ${umax}`;
  if (low !== undefined && high !== undefined) return low === high ? `${low}` : `${low} to ${high}`;
  if (low !== undefined) return `at least ${low}`;
  if (high !== undefined) return `at most ${high}, and maybe below 0`;
  return 'any number';
}
