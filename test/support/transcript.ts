/**
 * Makes outputs of two kernels comparable: ids become names by order of appearance, and what depends on the machine (times, sizes of generated
 * code, memory) becomes a mark. Everything else must be the same.
 */
export class Transcript {
  readonly lines: string[] = [];
  readonly #ids = new Map<string, string>();

  add(command: string, output: string): void {
    // Maps and programs have ids of their own: which one a bare `id N` is, the command tells.
    const kind = /^(-\S+ )*(map|plan)\b/.test(command) ? 'map' : 'prog';
    this.lines.push(...this.normalise(`$ ${command}\n${output}`, kind).split('\n'));
  }

  normalise(text: string, kind: 'map' | 'prog'): string {
    return (
      text
        // A kernel with CONFIG_BPF_PRELOAD puts two files into every bpffs.
        .replace(/^.*(maps|progs)\.debug {2}unknown\n/gm, '')
        // The embedded kernel says more than the errno; see docs/kernels.md.
        .replace(/^(Error: BPF_\w+[^:\n]*): .* \(([A-Z][^()]*)\)$/gm, '$1: $2')
        .replace(/^(\d+)(?=: [a-z_]+ )/gm, (id) => this.#name(kind, id))
        .replace(/\blink (\d+)(?= \()/g, (_, id: string) => `link ${this.#name('link', id)}`)
        .replace(/\b(map|prog) id (\d+)/g, (_, what: string, id: string) => `${what} id ${this.#name(what, id)}`)
        .replace(/\bid (\d+)/g, (_, id: string) => `id ${this.#name(kind, id)}`)
        .replace(/\bmap\[id:(\d+)/g, (_, id: string) => `map[id:${this.#name('map', id)}`)
        .replace(
          /\bmap_ids ([\d,]+)/g,
          (_, ids: string) => `map_ids ${ids.replace(/\d+/g, (id) => this.#name('map', id))}`,
        )
        .replace(/\bbtf_id \d+/g, 'btf_id ID')
        .replace(/loaded_at \S+/g, 'loaded_at TIME')
        .replace(/xlated \d+B {2}(not jited|jited \d+B)/g, 'xlated SIZE  CODE')
        .replace(/memlock \d+B/g, 'memlock SIZE')
        .replace(/ jited $/gm, ' ')
        .replace(/owner (not )?jited/g, 'owner CODE')
        .replace(/duration( \(average\))?: \d+ns/g, 'duration: TIME')
    );
  }

  #name(kind: string, id: string): string {
    const key = `${kind} ${id}`;
    const name = this.#ids.get(key) ?? `#${this.#ids.size + 1}`;
    this.#ids.set(key, name);
    return name;
  }
}
