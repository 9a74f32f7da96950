import { UsageError } from '../../errors.ts';
import { sectionRule } from '../../object/section.ts';
import { orUndefined } from '../calls.ts';
import type { Attachment } from '../link.ts';
import type { BpfProgram } from '../program.ts';
import { attachIterator } from './iter.ts';
import { attachKprobe, attachKprobeMulti } from './kprobe.ts';
import { attachRawTracepoint } from './raw-tracepoint.ts';
import { attachTracepoint } from './tracepoint.ts';
import { attachTracing } from './tracing.ts';
import { attachUprobe, attachUprobeMulti } from './uprobe.ts';
import { attachUsdt, type UsdtMaps } from './usdt.ts';

/** Attaches as the rest of the section's name says; `undefined` if it says nothing, which some kinds allow. */
type Auto = (program: BpfProgram, rest: string, usdtMaps: UsdtMapsOf) => Attachment | undefined;
type UsdtMapsOf = () => UsdtMaps;

/** Section names that say where the program belongs, by what stands before the first slash, without `.s`. As libbpf. */
// biome-ignore format: aligned table
const AUTO: Readonly<Record<string, Auto>> = {
  kprobe:           (program, rest) => kprobe(program, rest, false),
  kretprobe:        (program, rest) => kprobe(program, rest, true),
  'kprobe.multi':   (program, rest) => multi(program, rest, {}),
  'kretprobe.multi': (program, rest) => multi(program, rest, { returns: true }),
  'kprobe.session': (program, rest) => multi(program, rest, { session: true }),
  ksyscall:         (program, rest) => ksyscall(program, rest, false),
  kretsyscall:      (program, rest) => ksyscall(program, rest, true),
  uprobe:           (program, rest) => uprobe(program, rest, false),
  uretprobe:        (program, rest) => uprobe(program, rest, true),
  'uprobe.multi':   (program, rest) => uprobeMulti(program, rest, {}),
  'uretprobe.multi': (program, rest) => uprobeMulti(program, rest, { returns: true }),
  'uprobe.session': (program, rest) => uprobeMulti(program, rest, { session: true }),
  usdt,
  tracepoint:       tracepoint,
  tp:               tracepoint,
  raw_tracepoint:   rawTracepoint,
  raw_tp:           rawTracepoint,
  'raw_tracepoint.w': rawTracepoint,
  'raw_tp.w':       rawTracepoint,
  tp_btf:           (program) => attachTracing(program),
  fentry:           (program) => attachTracing(program),
  fexit:            (program) => attachTracing(program),
  fmod_ret:         (program) => attachTracing(program),
  freplace:         (program) => attachTracing(program),
  lsm:              (program) => attachTracing(program),
  iter:             (program) => attachIterator(program),
};

/** Whether a program of this section attaches by itself. `kprobe` without a function does not. */
export function attachesBySection(section: string): boolean {
  return sectionRule(section) !== undefined && autoOf(section) !== undefined;
}

/**
 * Attaches a program to what the name of its section says: `kprobe/do_unlinkat+0x8`, `tp/sched/sched_switch`, `uprobe/libc.so.6:malloc`, `iter/task`.
 * `undefined` where the name says nothing of it; then one of the other functions has to. `usdtMaps`: what `usdt/PATH:PROVIDER:NAME` needs of the program's object.
 *
 * Throws UsageError if the name is written wrongly, and whatever those functions throw.
 */
export function attachBySection(
  program: BpfProgram,
  section: string,
  usdtMaps: UsdtMapsOf = withoutObject,
): Attachment | undefined {
  if (sectionRule(section) === undefined) return undefined;
  const slash = section.indexOf('/');
  return autoOf(section)?.(program, slash < 0 ? '' : section.slice(slash + 1), usdtMaps);
}

function withoutObject(): never {
  throw new UsageError('a USDT program needs the maps of its object; attach it with `attach` of the loaded object');
}

function autoOf(section: string): Auto | undefined {
  const stem = (section.split('/')[0] ?? '').replace(/\.s$/, '');
  return Object.hasOwn(AUTO, stem) ? AUTO[stem] : undefined;
}

function kprobe(program: BpfProgram, rest: string, returns: boolean): Attachment | undefined {
  if (rest === '') return undefined;
  const match = /^([\w.$]+)(?:\+(0x[0-9a-fA-F]+|\d+))?$/.exec(rest);
  if (match?.[1] === undefined) throw wrong(rest, 'FUNCTION or FUNCTION+OFFSET');
  const offset = Number(match[2] ?? 0);
  if (returns && offset !== 0) throw new UsageError(`a return probe of ${match[1]} has no offset`);
  return attachKprobe(program, match[1], { offset, returns });
}

function multi(program: BpfProgram, rest: string, options: Parameters<typeof attachKprobeMulti>[2]) {
  if (rest === '') return undefined;
  if (!/^[\w.*?]+$/.test(rest)) throw wrong(rest, 'a pattern of letters, digits, _ . * and ?');
  return attachKprobeMulti(program, { pattern: rest }, options);
}

/** The kernel's functions for system calls have the architecture's name in front. */
const SYSCALL_PREFIXES = ['__x64_', '__arm64_', '__riscv_', '__se_'];

function ksyscall(program: BpfProgram, rest: string, returns: boolean): Attachment | undefined {
  if (rest === '') return undefined;
  if (!/^\w+$/.test(rest)) throw wrong(rest, 'the name of a system call');
  for (const prefix of SYSCALL_PREFIXES) {
    // Which of them there is only trying tells.
    const attached = orUndefined(['ENOENT', 'EADDRNOTAVAIL'], () =>
      attachKprobe(program, `${prefix}sys_${rest}`, { returns }),
    );
    if (attached !== undefined) return attached;
  }
  throw new UsageError(`this kernel has no system call ${rest} that can be probed`);
}

/**
 * `PATH:FUNCTION[+OFFSET]` or `PATH:OFFSET`; an absolute path comes after the section's own slash: `uprobe//bin/sh:main`. FUNCTION may end with `@VERSION` or
 * `@@VERSION`.
 */
function uprobe(program: BpfProgram, rest: string, returns: boolean): Attachment | undefined {
  if (rest === '') return undefined;
  const match = /^(.+):(?:([A-Za-z_.$][\w.$@]*)(?:\+(?=.)|$))?(0x[0-9a-fA-F]+|\d+)?$/.exec(rest);
  const [, path, func, offset] = match ?? [];
  if (path === undefined || (func ?? offset) === undefined) throw wrong(rest, 'PATH:FUNCTION[+OFFSET] or PATH:OFFSET');
  return attachUprobe(program, path, { func, offset: Number(offset ?? 0), returns });
}

function uprobeMulti(program: BpfProgram, rest: string, options: { returns?: boolean; session?: boolean }) {
  if (rest === '') return undefined;
  const [, path, pattern] = /^(.+):([\w.$@*?]+)$/.exec(rest) ?? [];
  if (path === undefined || pattern === undefined)
    throw wrong(rest, 'PATH:PATTERN, of letters, digits, _ . $ @ * and ?');
  return attachUprobeMulti(program, path, { ...options, places: { pattern } });
}

function usdt(program: BpfProgram, rest: string, usdtMaps: UsdtMapsOf): Attachment | undefined {
  if (rest === '') return undefined;
  const [, path, provider, name] = /^([^:]+):([^:]+):([^:]+)$/.exec(rest) ?? [];
  if (path === undefined || provider === undefined || name === undefined) throw wrong(rest, 'PATH:PROVIDER:NAME');
  return attachUsdt(program, usdtMaps(), path, { provider, name });
}

function tracepoint(program: BpfProgram, rest: string): Attachment | undefined {
  if (rest === '') return undefined;
  const [category = '', name = '', ...more] = rest.split('/');
  if (category === '' || name === '' || more.length > 0) throw wrong(rest, 'CATEGORY/NAME');
  return attachTracepoint(program, category, name);
}

function rawTracepoint(program: BpfProgram, rest: string): Attachment | undefined {
  return rest === '' ? undefined : attachRawTracepoint(program, rest);
}

function wrong(rest: string, form: string): UsageError {
  return new UsageError(`the section's name ends with '${rest}'; ${form} is expected there`);
}
