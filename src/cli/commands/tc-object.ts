import { exportFds } from '../../loader/agent.ts';
import { basename } from '../../loader/bpffs.ts';
import { load } from '../../loader/load.ts';
import type { LoadedObject } from '../../loader/loaded.ts';
import type { BpfProgram } from '../../loader/program.ts';
import { findProgram, type ProgramSpec, tailCallSection } from '../../object/index.ts';
import type { ProgType } from '../../uapi/bpf.ts';
import type { Context } from '../command.ts';
import { fileIdentity } from '../read-file.ts';
import type { Words } from '../words.ts';
import { loadDefaults, readObject, setGlobal } from './object-words.ts';
import { ShareWords } from './share-words.ts';

/** tc's name for the path of the agent that gets the maps, where the command says none. */
const UDS_ENV = 'TC_BPF_UDS';

/** The words of tc's commands about an object that is loaded: which program, with which maps, and who gets them. */
export class TcObjectWords {
  readonly #context: Context;
  readonly #share: ShareWords;
  readonly #sets: string[] = [];
  #section: string | undefined;
  #program: string | undefined;
  #agent: string | undefined;
  #verbose = false;

  constructor(context: Context) {
    this.#context = context;
    this.#share = new ShareWords(context, 'tc');
    this.#agent = context.env[UDS_ENV];
  }

  /** Takes the next words if they are about that; false if not. */
  take(words: Words): boolean {
    if (this.#share.take(words)) return true;
    if (words.exact('set') !== undefined) this.#sets.push(words.next('NAME=VALUE'));
    else if (words.exact('program') !== undefined) this.#program = words.next('the name of the program');
    else if (words.keyword('section') !== undefined) this.#section = words.next('the name of the section');
    else if (words.keyword('export') !== undefined) this.#agent = words.next('the path of the agent');
    else if (words.keyword('verbose') !== undefined) this.#verbose = true;
    else return false;
    return true;
  }

  /** Loads the program, and those that it calls through prog arrays; hands the maps to the agent; then `use`s it. All or nothing. */
  load(
    file: string,
    type: ProgType,
    defaultSection: string,
    use: (program: BpfProgram, spec: ProgramSpec) => void,
  ): void {
    const context = this.#context;
    const object = readObject(context, file);
    for (const word of this.#sets) setGlobal(object, word);
    const { spec } = object;
    const main = findProgram(
      spec,
      this.#program === undefined ? { section: this.#section ?? defaultSection } : { name: this.#program },
    );
    const arrays = new Set(spec.maps.filter((map) => map.type === 'prog_array').map((map) => map.id));
    const tails = spec.programs.filter((p) => p !== main && arrays.has(tailCallSection(p.section)?.id ?? -1));
    const options = {
      ...loadDefaults(context),
      programs: [main, ...tails],
      type,
      internalMaps: 'referenced' as const,
      ...this.#share.options(),
      logLevel: this.#verbose ? 2 : 0,
    };
    load(context.kernel, object, options, (loaded) => {
      for (const warning of loaded.warnings) context.note(`warning: ${warning}`);
      if (this.#agent !== undefined) exportMaps(context, loaded, this.#agent, file);
      use(loaded.program(main), main);
    }).close();
  }
}

/** As tc: the maps that the file defines; nothing if there are none. */
function exportMaps({ kernel }: Context, { spec, maps }: LoadedObject, agent: string, file: string): void {
  const exported = spec.maps.flatMap(({ name, style, id }) => {
    const map = style === 'internal' || style === 'struct_ops' ? undefined : maps[name];
    return map === undefined ? [] : [{ name, id, map }];
  });
  if (exported.length === 0) return;
  exportFds(kernel, agent, Object.fromEntries(exported.map(({ name, map }) => [name, map])), {
    ids: Object.fromEntries(exported.map(({ name, id }) => [name, id])),
    object: { name: basename(file), ...fileIdentity(file) },
  });
}
