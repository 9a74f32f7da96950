import type { Explanation } from './explain/explanation.ts';
import { errnoCode, strerror } from './uapi/errno.ts';

/**
 * Every error that skep throws on purpose. Match by class and {@link BpfError.code}, never by the text of the message.
 */
export class BpfError extends Error {
  override readonly name: string = 'BpfError';
  /** Stable and short: an errno name for a {@link SysError}, else the kind of failure (`BAD_OBJECT`, `USAGE`, …). */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A system call of a kernel (running or embedded) failed. */
export class SysError extends BpfError {
  override readonly name = 'SysError';
  /** Positive, as errno(3): 2 for ENOENT. */
  readonly errno: number;
  /** The call that failed, e.g. `BPF_MAP_CREATE`, `mkdir`, `RTM_NEWTFILTER`. */
  readonly syscall: string;
  /** What the call was made on: a path, an fd, a device. */
  readonly what: string | undefined;
  /** What the kernel said besides the number: the text of a netlink extended ack. */
  readonly detail: string | undefined;
  readonly #attr: Readonly<Record<string, unknown>> | undefined;

  constructor(
    errno: number,
    syscall: string,
    options: ErrorOptions & { what?: string; detail?: string; attr?: Readonly<Record<string, unknown>> } = {},
  ) {
    const subject = options.what === undefined ? syscall : `${syscall} ${options.what}`;
    const reason = options.detail === undefined ? strerror(errno) : `${options.detail} (${strerror(errno)})`;
    super(
      errnoCode(errno),
      `${subject}: ${reason}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.errno = errno;
    this.syscall = syscall;
    this.what = options.what;
    this.detail = options.detail;
    this.#attr = options.attr;
  }

  /** The attributes that a call of bpf(2) was given: `explain` reads them. No field, so that who prints an error does not get a whole program. */
  get attr(): Readonly<Record<string, unknown>> | undefined {
    return this.#attr;
  }
}

/** Where in a file something is wrong. */
export interface Place {
  readonly file?: string | undefined;
  readonly section?: string | undefined;
  /** Bytes: from the start of `section` if there is one, else from the start of the file. */
  readonly offset?: number | undefined;
}

/** An object file (ELF, BTF, bytecode) cannot be read or does not hold what was asked for. */
export class ObjectError extends BpfError implements Place {
  override readonly name = 'ObjectError';
  /** The sentence alone, without the place. */
  readonly reason: string;
  readonly file: string | undefined;
  readonly section: string | undefined;
  readonly offset: number | undefined;

  constructor(reason: string, place: Place = {}, options?: ErrorOptions) {
    super('BAD_OBJECT', `${formatPlace(place)}${reason}`, options);
    this.reason = reason;
    this.file = place.file;
    this.section = place.section;
    this.offset = place.offset;
  }

  /** The same error with the parts of the place that it lacks: an inner reader does not know the file's name. */
  at(place: Place): ObjectError {
    const whole = {
      file: this.file ?? place.file,
      section: this.section ?? place.section,
      offset: this.offset ?? place.offset,
    };
    return new ObjectError(this.reason, whole, this.cause === undefined ? undefined : { cause: this.cause });
  }
}

function formatPlace({ file, section, offset }: Place): string {
  const parts = [
    ...(file === undefined ? [] : [file]),
    ...(section === undefined ? [] : [`section ${section === '' ? '(unnamed)' : section}`]),
    ...(offset === undefined ? [] : [`offset 0x${offset.toString(16)}`]),
  ];
  return parts.length === 0 ? '' : `${parts.join(', ')}: `;
}

/** What the log of a refused program says: `readRefusal` of `explain/` makes it. */
export interface RefusedLog {
  /** The kernel's log, whole. */
  readonly log: string;
  /** The line of it that says why. */
  readonly words: string;
  /** `SKEP-V001`; `undefined` for words that skep does not know. */
  readonly code: string | undefined;
  explain(): Explanation;
}

/** The kernel's verifier (or the embedded kernel's check of the bytecode) refused a program. */
export class VerifierError extends BpfError {
  override readonly name = 'VerifierError';
  readonly program: string;
  /** The kernel's log, whole. */
  readonly log: string;
  /** The kind of violation, by a code that never changes: `SKEP-V001`, see docs/verifier/. `undefined` for words that skep does not know. */
  readonly violation: string | undefined;
  readonly #refusal: RefusedLog;
  #explanation: Explanation | undefined;

  constructor(program: string, refusal: RefusedLog, options?: ErrorOptions) {
    const cause = options?.cause;
    const errno = cause instanceof SysError ? ` (${cause.code})` : '';
    const code = refusal.code === undefined ? '' : ` [${refusal.code}]`;
    super('VERIFIER', `program ${program} was refused${errno}: ${refusal.words}${code}`, options);
    this.program = program;
    this.log = refusal.log;
    this.violation = refusal.code;
    this.#refusal = refusal;
  }

  /** What was violated, where, how it came to that, and what usually helps. Worked out when it is first asked for. */
  get explanation(): Explanation {
    this.#explanation ??= this.#refusal.explain();
    return this.#explanation;
  }
}

/** One field in which an existing map is not what the object asks for. */
export interface MapDifference {
  readonly field: string;
  readonly wanted: string | number | bigint;
  readonly found: string | number | bigint;
}

/** An existing map cannot stand for the one that an object defines. */
export class IncompatibleMapError extends BpfError {
  override readonly name = 'IncompatibleMapError';
  readonly map: string;
  readonly diff: readonly MapDifference[];

  constructor(map: string, where: string, diff: readonly MapDifference[], options?: ErrorOptions) {
    const fields = diff.map((d) => `${d.field} is ${d.found}, wanted ${d.wanted}`).join('; ');
    super('INCOMPATIBLE_MAP', `map ${map} cannot use ${where}: ${fields}`, options);
    this.map = map;
    this.diff = diff;
  }
}

/** This kernel, or skep itself, does not have what was asked for. */
export class NotSupportedError extends BpfError {
  override readonly name = 'NotSupportedError';
  readonly feature: string;
  /** The first kernel version that has it, where known. */
  readonly since: string | undefined;

  constructor(feature: string, options: ErrorOptions & { since?: string; instead?: string } = {}) {
    const since = options.since === undefined ? '' : ` (Linux >= ${options.since})`;
    const instead = options.instead === undefined ? '' : `; ${options.instead}`;
    super('NOT_SUPPORTED', `${feature} is not supported${since}${instead}`, options);
    this.feature = feature;
    this.since = options.since;
  }
}

/** The caller asked for something that makes no sense: a wrong word, size or combination. */
export class UsageError extends BpfError {
  override readonly name = 'UsageError';

  constructor(message: string, options?: ErrorOptions) {
    super('USAGE', message, options);
  }
}
