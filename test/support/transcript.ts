/**
 * Makes outputs of two kernels comparable: ids become names by order of appearance, and what depends on the machine (times, sizes of generated
 * code, memory) becomes a mark. Everything else must be the same.
 */
export class Transcript {
  readonly lines: string[] = [];
  readonly #ids = new Map<string, string>();

  add(command: string, output: string): void {
    this.lines.push(...this.normalise(`$ ${command}\n${output}`).split('\n'));
  }

  normalise(text: string): string {
    return (
      text
        // A kernel with CONFIG_BPF_PRELOAD puts two files into every bpffs.
        .replace(/^.*(maps|progs)\.debug {2}unknown\n/gm, '')
        .replace(/^(\d+)(?=: [a-z_]+ )/gm, (id) => this.#name(id))
        .replace(
          /\b(id|prog|map_id|inner_map_id:) (\d+)/g,
          (_, word: string, id: string) => `${word} ${this.#name(id)}`,
        )
        .replace(/\b(map\[id:)(\d+)/g, (_, word: string, id: string) => `${word}${this.#name(id)}`)
        .replace(
          /\b(map_ids) ([\d,]+)/g,
          (_, word: string, ids: string) =>
            `${word} ${ids
              .split(',')
              .map((id) => this.#name(id))
              .join(',')}`,
        )
        .replace(/\b(btf_id) \d+/g, '$1 ID')
        .replace(/loaded_at \S+/g, 'loaded_at TIME')
        .replace(/xlated \d+B {2}(not jited|jited \d+B)/g, 'xlated SIZE  CODE')
        .replace(/memlock \d+B/g, 'memlock SIZE')
        .replace(/ jited /g, ' ')
        .replace(/tag [0-9a-f]{16}/g, 'tag TAG')
        .replace(/^.*bpf_trace_printk: /gm, 'bpf_trace_printk: ')
        .replace(/duration( \(average\))?: \d+ns/g, 'duration: TIME')
    );
  }

  #name(id: string): string {
    const name = this.#ids.get(id) ?? `#${this.#ids.size + 1}`;
    this.#ids.set(id, name);
    return name;
  }
}
