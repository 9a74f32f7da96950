import type { ProgType } from '../uapi/bpf.ts';
import type { MapSpec, ProgramSpec } from './spec.ts';

/** `ID/KEY` with C integer literals (decimal, 0x, 0), as tc scans section names; `undefined` for any other name. */
export function tailCallSection(section: string): { id: number; key: number } | undefined {
  const match = /^(0[xX][0-9a-fA-F]+|\d+)\/(0[xX][0-9a-fA-F]+|\d+)$/.exec(section);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const integer = (text: string) => Number(/^0\d/.test(text) ? `0o${text.slice(1)}` : text);
  return { id: integer(match[1]), key: integer(match[2]) };
}

/**
 * The programs, those of tail-call sections with the type of the programs that use their array: a kernel lets a program call only its like. One that
 * is called by programs of several types, or of none that is known, stays without.
 */
export function typeTailCalls(programs: readonly ProgramSpec[], maps: readonly MapSpec[]): readonly ProgramSpec[] {
  const arrays = new Map(maps.flatMap(({ type, id, name }) => (type === 'prog_array' && id !== 0 ? [[id, name]] : [])));
  const typed = [...programs];
  /** By array, the places of the programs without type that go into it. */
  const waiting = new Map<string, number[]>();
  /** By map, the types of the programs that use it. */
  const users = new Map<string, Set<ProgType>>();
  const use = ({ references }: ProgramSpec, type: ProgType) => {
    for (const { map } of references) users.set(map, (users.get(map) ?? new Set()).add(type));
  };
  for (const [i, program] of programs.entries()) {
    const array = arrays.get(tailCallSection(program.section)?.id ?? 0);
    if (program.type !== undefined) use(program, program.type);
    else if (array !== undefined) push(waiting, array, i);
  }
  const queue = [...arrays.values()];
  for (const array of queue) {
    const [type, another] = users.get(array) ?? [];
    if (type === undefined || another !== undefined) continue;
    for (const i of waiting.get(array) ?? []) {
      const program = typed[i];
      if (program === undefined) continue;
      typed[i] = { ...program, type };
      // What is called may use an array in turn.
      use(program, type);
      queue.push(...new Set(program.references.map(({ map }) => map)));
    }
    waiting.delete(array);
  }
  return typed;
}

function push(lists: Map<string, number[]>, key: string, item: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
