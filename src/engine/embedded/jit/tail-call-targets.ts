import type { Machine } from '../machine.ts';
import { ProgArray } from '../maps/prog-array.ts';
import type { BpfProg } from '../progs/prog.ts';
import { type WasmFunction, type WasmTable, wasm } from './webassembly.ts';

/** The table of functions that tail calls lead to. A program gets a place when it is called for the first time, and its slot in the prog array then says which. */
export class TailCallTargets {
  readonly table: WasmTable = new wasm.Table({ element: 'anyfunc', initial: 0 });
  readonly #machine: Machine;
  readonly #targetOf: (program: BpfProg) => WasmFunction;
  readonly #places = new Map<BpfProg, number>();
  readonly #free: number[] = [];

  constructor(machine: Machine, targetOf: (program: BpfProg) => WasmFunction) {
    this.#machine = machine;
    this.#targetOf = targetOf;
  }

  /** The place plus 1 of the program in a slot of a map; 0 if there is none. */
  resolve(address: number, index: number): number {
    const map = this.#machine.mapAt(address);
    const program = map instanceof ProgArray ? map.program(index >>> 0) : undefined;
    if (!(map instanceof ProgArray) || program === undefined) return 0;
    const place = this.placeOf(program);
    map.setTablePlace(index >>> 0, place);
    return place + 1;
  }

  /** The place of a program, which has one from here on. */
  placeOf(program: BpfProg): number {
    return this.#places.get(program) ?? this.#add(program);
  }

  #add(program: BpfProg): number {
    const target = this.#targetOf(program);
    const place = this.#free.pop() ?? this.table.grow(1);
    this.table.set(place, target);
    this.#places.set(program, place);
    program.onDestroy(() => {
      this.#places.delete(program);
      this.table.set(place, null);
      this.#free.push(place);
    });
    return place;
  }
}
