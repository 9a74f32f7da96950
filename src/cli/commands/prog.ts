import type { Btf } from '../../btf/index.ts';
import { UsageError } from '../../errors.ts';
import { joinPath } from '../../loader/bpffs.ts';
import { bootTime } from '../../loader/clock.ts';
import { listPrograms, type ProgramInfo } from '../../loader/info.ts';
import { type LoadOptions, load } from '../../loader/load.ts';
import type { BpfProgram } from '../../loader/program.ts';
import { Transaction } from '../../loader/transaction.ts';
import { formatXlated, type XlatedLine } from '../../loader/xlated.ts';
import { programTypeOf } from '../../object/section.ts';
import type { ObjectSpec } from '../../object/spec.ts';
import type { ProgType } from '../../uapi/bpf.ts';
import { type AnyCommand, type Context, command } from '../command.ts';
import { PROG, selectProgram, selectPrograms } from '../selectors.ts';
import type { Words } from '../words.ts';
import { loadDefaults, readBtfFile, readKconfig, readObject, setGlobal } from './object-words.ts';
import { attachItself } from './prog-attach.ts';
import { SHARE_USAGE, ShareWords } from './share-words.ts';

export const progShow = command<{ programs: ProgramInfo[]; single: boolean; boot: number }>({
  path: ['prog', 'show'],
  usage: `[${PROG}]`,
  about: 'lists the programs of the kernel',
  run({ kernel }, words) {
    const boot = bootTime(kernel);
    if (words.done) return { programs: [...listPrograms(kernel)], single: false, boot };
    const programs = selectPrograms(kernel, words);
    words.end();
    const infos = programs.map((program) => program.info);
    for (const program of programs) program.close();
    return { programs: infos, single: infos.length === 1, boot };
  },
  text: ({ programs, boot }) => programs.map((program) => progText(program, boot)).join('\n'),
  json: ({ programs, single, boot }) => {
    const rows = programs.map((program) => progJson(program, boot));
    return single ? rows[0] : rows;
  },
});

/** Seconds since the epoch at which a program was loaded. */
function loadedAt(program: ProgramInfo, boot: number): number {
  return Math.floor(boot + Number(program.loadTime / 1_000_000n) / 1000);
}

function progText(program: ProgramInfo, boot: number): string {
  const name = program.name === '' ? '' : `  name ${program.name}`;
  const runs = program.runCount === 0n ? '' : ` run_time_ns ${program.runTimeNs} run_cnt ${program.runCount}`;
  const jited = program.jitedSize === 0 ? 'not jited' : `jited ${program.jitedSize}B`;
  const memlock = program.memlock === undefined ? '' : `  memlock ${program.memlock}B`;
  const maps = program.mapIds.length === 0 ? '' : `  map_ids ${program.mapIds.join(',')}`;
  const lines = [
    `${program.id}: ${program.type}${name}  tag ${program.tag}${program.gplCompatible ? '  gpl' : ''}${runs}`,
    `\tloaded_at ${isoLocal(loadedAt(program, boot))}  uid ${program.uid}`,
    `\txlated ${program.xlatedSize}B  ${jited}${memlock}${maps}`,
    ...(program.btfId === undefined ? [] : [`\tbtf_id ${program.btfId}`]),
  ];
  return lines.join('\n');
}

/** `2026-11-25T12:34:56+0000`, in local time. */
function isoLocal(seconds: number): string {
  const date = new Date(seconds * 1000);
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const minutes = Math.abs(offset);
  const pad = (n: number) => String(n).padStart(2, '0');
  return `${local}${offset < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}${pad(minutes % 60)}`;
}

function progJson(program: ProgramInfo, boot: number): object {
  return {
    id: program.id,
    type: program.type,
    name: program.name === '' ? undefined : program.name,
    tag: program.tag,
    gpl_compatible: program.gplCompatible,
    run_time_ns: program.runCount === 0n ? undefined : program.runTimeNs,
    run_cnt: program.runCount === 0n ? undefined : program.runCount,
    loaded_at: loadedAt(program, boot),
    uid: program.uid,
    bytes_xlated: program.xlatedSize,
    jited: program.jitedSize !== 0,
    bytes_jited: program.jitedSize === 0 ? undefined : program.jitedSize,
    bytes_memlock: program.memlock,
    map_ids: program.mapIds.length === 0 ? undefined : program.mapIds,
    btf_id: program.btfId,
  };
}

export const progDumpXlated = command<readonly XlatedLine[]>({
  path: ['prog', 'dump', 'xlated'],
  usage: `${PROG} [opcodes]`,
  about: 'prints the instructions as the kernel runs them',
  run({ kernel }, words) {
    using program = selectProgram(kernel, words);
    const opcodes = words.keyword('opcodes') !== undefined;
    words.end();
    const insns = program.xlated();
    if (insns.length === 0)
      throw new UsageError('the kernel does not show the instructions; is kernel.kptr_restrict set?');
    return formatXlated(insns, opcodes);
  },
  text: (lines) =>
    lines
      .map(
        (line) =>
          `${String(line.index).padStart(4)}: ${line.disasm}${line.opcodes === undefined ? '' : `\n       ${line.opcodes}`}`,
      )
      .join('\n'),
  json: (lines) => lines.map(({ disasm, opcodes }) => ({ disasm, opcodes })),
});

export const progPin = command<undefined>({
  path: ['prog', 'pin'],
  usage: `${PROG} FILE`,
  about: 'keeps a program in bpffs',
  run({ kernel }, words) {
    using program = selectProgram(kernel, words);
    const path = words.next('the path to pin the program at');
    words.end();
    program.pin(path);
    return undefined;
  },
  text: () => '',
});

const LOAD_USAGE = `OBJ PATH [type TYPE] ${SHARE_USAGE} [pinmaps DIR] [autoattach] [set NAME=VALUE]... [kernel_btf FILE] [kconfig FILE]`;

export const progLoad: AnyCommand = loadCommand('load', 'loads an object and pins its first program at PATH');
export const progLoadAll: AnyCommand = loadCommand('loadall', 'loads an object and pins its programs as PATH/NAME');

function loadCommand(verb: 'load' | 'loadall', about: string): AnyCommand {
  return command<undefined>({
    path: ['prog', verb],
    usage: LOAD_USAGE,
    about,
    run(context, words) {
      loadAndPin(context, words, verb === 'loadall');
      return undefined;
    },
    text: () => '',
  });
}

function loadAndPin(context: Context, words: Words, all: boolean): void {
  const { kernel } = context;
  const file = words.next('the object file');
  const path = words.next('the path to pin at');
  const object = readObject(context, file);
  const { options, pinMaps, autoattach } = loadWords(context, words, object);
  using loaded = load(kernel, object, { ...loadDefaults(context), ...options });
  for (const warning of loaded.warnings) context.note(`warning: ${warning}`);
  const programs = Object.values(loaded.programs);
  const [first] = programs;
  if (first === undefined) throw new UsageError(`${file} has no program to load`);
  // Pins that are made before another one fails must not stay.
  Transaction.run((transaction) => {
    const pin = (what: { pin(path: string): void }, where: string) => {
      what.pin(where);
      transaction.onRollback(() => kernel.unlink(where));
    };
    const pinProgram = (program: BpfProgram, where: string) => {
      if (!autoattach) return pin(program, where);
      // The pin holds it from here on.
      using link = attachItself(context, loaded, program);
      return pin(link ?? program, where);
    };
    if (all) for (const program of programs) pinProgram(program, joinPath(path, program.name));
    else pinProgram(first, path);
    if (pinMaps !== undefined) {
      for (const [name, map] of Object.entries(loaded.maps)) pin(map, joinPath(pinMaps, pinName(object.spec, name)));
    }
  });
}

/** As libbpf's bpf_map__name, with `_` for the dots that bpffs does not allow: the object's name stands before `.rodata`, but not before `.rodata.more`. */
function pinName({ maps }: ObjectSpec, name: string): string {
  const prefixed = maps.find((map) => map.name === name && map.style === 'internal' && map.name.indexOf('.', 1) < 0);
  return (prefixed?.kernelName ?? name).replaceAll('.', '_');
}

function loadWords(
  context: Context,
  words: Words,
  object: ReturnType<typeof readObject>,
): { options: LoadOptions; pinMaps: string | undefined; autoattach: boolean } {
  const share = new ShareWords(context);
  let type: ProgType | undefined;
  let pinMaps: string | undefined;
  let autoattach = false;
  let kernelBtf: Btf | undefined;
  let kconfig: string | undefined;
  while (!words.done) {
    if (share.take(words)) continue;
    switch (words.expect('type', 'pinmaps', 'autoattach', 'set', 'kernel_btf', 'kconfig')) {
      case 'type':
        type = programTypeOf(words.next('the program type'));
        break;
      case 'pinmaps':
        pinMaps = words.next('the directory to pin the maps in');
        break;
      case 'autoattach':
        autoattach = true;
        break;
      case 'set':
        setGlobal(object, words.next('NAME=VALUE'));
        break;
      case 'kernel_btf':
        kernelBtf = readBtfFile(context, words.next('the BTF file'));
        break;
      case 'kconfig':
        kconfig = readKconfig(context, words.next("the file with a kernel's configuration"));
        break;
    }
  }
  return {
    options: { ...share.options(), type, kernelBtf, kconfig, logLevel: context.details ? 1 : 0 },
    pinMaps,
    autoattach,
  };
}
