/** A type's name without its flavour: what stands before the last `___` that has something on both sides. */
export function essentialName(name: string): string {
  for (let i = name.lastIndexOf('___'); i > 0; i = name.lastIndexOf('___', i - 1)) {
    if (name[i - 1] !== '_' && name.length > i + 3 && name[i + 3] !== '_') return name.slice(0, i);
  }
  return name;
}
