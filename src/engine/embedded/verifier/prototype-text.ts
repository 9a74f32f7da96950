import type { ArgBase, ArgProto, RetBase, RetProto, Unnamed } from './prototypes.ts';

/*
 * A text is BASE[|FLAG...][:STRUCT][#SIZE], as in `mem|uninit|write|aligned#8` and `btf_id|null:task_struct`.
 */

type Flag = 'null' | 'uninit' | 'write' | 'rdonly' | 'release' | 'aligned' | 'trusted' | 'local' | 'ringbuf';
type Flags =
  | ''
  | `|${Flag}`
  | `|${Flag}|${Flag}`
  | '|uninit|write|aligned'
  | '|local|uninit|write'
  | '|ringbuf|uninit|write';
type Bits = '' | `:${string}` | `#${number}`;
type ArgText = `${ArgBase}${Flags}${Bits}`;
type RetText = `${RetBase}${Flags}${Bits}`;

interface Parsed {
  readonly base: string;
  readonly flags: ReadonlySet<string>;
  readonly struct?: string;
  readonly size?: number;
}

function parse(text: string): Parsed {
  const [, type = '', struct, size] = /^([^:#]*)(?::(\w+))?(?:#(\d+))?$/.exec(text) ?? [];
  const [base = '', ...flags] = type.split('|');
  return {
    base,
    flags: new Set(flags),
    ...(struct !== undefined && { struct }),
    ...(size !== undefined && { size: Number(size) }),
  };
}

function parseArg(text: ArgText): ArgProto {
  const { base, flags, ...more } = parse(text);
  const dynptr = flags.has('local') ? 'local' : flags.has('ringbuf') ? 'ringbuf' : undefined;
  return {
    base: base as ArgBase, // ArgText begins with one
    null: flags.has('null'),
    uninit: flags.has('uninit'),
    write: flags.has('write'),
    rdonly: flags.has('rdonly'),
    release: flags.has('release'),
    aligned: flags.has('aligned'),
    ...more,
    ...(dynptr !== undefined && { dynptr }),
  };
}

function parseRet(text: RetText): RetProto {
  const { base, flags, struct } = parse(text);
  return {
    base: base as RetBase, // RetText begins with one
    null: flags.has('null'),
    trusted: flags.has('trusted'),
    rdonly: flags.has('rdonly'),
    ringbuf: flags.has('ringbuf'),
    ...(struct !== undefined && { struct }),
  };
}

type Row = (returns: RetText, ...args: readonly ArgText[]) => Unnamed;
type Marks = Pick<Unnamed, 'gplOnly' | 'pktAccess' | 'mightSleep' | 'allowFastcall'>;

function row(marks: Partial<Marks>): Row {
  const all = { gplOnly: false, pktAccess: false, mightSleep: false, allowFastcall: false, ...marks };
  return (returns, ...args) => ({ returns: parseRet(returns), args: args.map(parseArg), ...all });
}

export const proto = row({});
export const gpl = row({ gplOnly: true });
export const packet = row({ pktAccess: true });
export const gplPacket = row({ gplOnly: true, pktAccess: true });
export const sleeps = row({ mightSleep: true });
export const gplSleeps = row({ gplOnly: true, mightSleep: true });
export const fast = row({ allowFastcall: true });
