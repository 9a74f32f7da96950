import { NotSupportedError, SysError } from '../../../errors.ts';
import { errno } from '../../../uapi/errno.ts';
import { loop } from '../helpers/loop.ts';
import { spin_lock } from '../helpers/spin-lock.ts';
import { ktime_get_boot_ns, ktime_get_coarse_ns, ktime_get_ns, ktime_get_tai_ns } from '../helpers/time.ts';
import { callees } from '../interp/called.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import { ENTRY_SIZE, type Share, STRETCH, type Work } from '../jit/batch.ts';
import { helperImport, type Needs, WAKE } from '../jit/compile.ts';
import { instantiate, RUN_ENDED } from '../jit/compiled-run.ts';
import { allImports, type Importer, importedFunctions } from '../jit/imports.ts';
import type { Jit, Module } from '../jit/jit.ts';
import { ENTRY, HIGH } from '../jit/registers.ts';
import { type WasmFunction, type WasmTable, wasm } from '../jit/webassembly.ts';
import type { Machine } from '../machine.ts';
import { ProgArray } from '../maps/prog-array.ts';
import type { BpfProg } from '../progs/prog.ts';
import { Cpu } from './cpu.ts';
import type { ThreadClock, ThreadProgram } from './cpu-thread.ts';
import { ENDED, MAIL, MAX_TEXT, STATE } from './mailbox.ts';

/** What a thread knows by itself. */
const CLOCKS = [ktime_get_ns, ktime_get_boot_ns, ktime_get_coarse_ns, ktime_get_tai_ns];
/** Milliseconds in which no CPU asks for anything, nor is done with its share once, after which they are given up: no program takes so long. */
const PATIENCE = 120_000;

/** What programs import on one CPU, by the program's number and the import's. */
interface Loaded {
  readonly cpu: Cpu;
  readonly calls: readonly (readonly Call[])[];
}

interface Call {
  readonly call: WasmFunction;
  /** It works on the map in r1, which is its own meanwhile. Where it calls back, that does so. */
  readonly takesMap: boolean;
}

/** The virtual CPUs of a machine: threads that run programs on its memory at the same time, while the machine's own does what they ask of the kernel. */
class Cpus {
  readonly #machine: Machine;
  readonly #cpus: Cpu[] = [];
  readonly #bell: Int32Array;
  readonly #bellAddress: number;

  /** Throws SysError ENOMEM. */
  constructor(machine: Machine) {
    this.#machine = machine;
    this.#bellAddress = machine.memory.alloc(4);
    if (this.#bellAddress === 0) throw new SysError(errno.ENOMEM, 'cpus');
    this.#bell = new Int32Array(machine.memory.memory.buffer, this.#bellAddress, 1);
  }

  stop(): void {
    for (const cpu of this.#cpus) cpu.stop();
    this.#cpus.length = 0;
  }

  /**
   * Runs a program for each entry of a CPU's share. Nanoseconds from the start until each CPU is done, by the clock of the host. Throws NotSupportedError for a program that several cannot run, and SysError ENOMEM.
   */
  run(program: BpfProg, shares: readonly Share[], work: Work): readonly number[] {
    const { memory } = this.#machine;
    const { jit } = interpreterOf(this.#machine);
    if (jit === undefined)
      throw new NotSupportedError('interpreting on several CPUs', { instead: 'only compiled programs run there' });
    const { programs, targets } = programsFrom(program.entry, jit);
    const loaded: Loaded[] = [];
    spreadMaps(this.#machine);
    memory.holdFrees();
    this.#machine.sharing = true;
    try {
      for (const [i, share] of shares.entries())
        loaded.push(this.#load(jit, programs, targets, this.#cpu(i), share, work));
      this.#serve(loaded, STATE.ready);
      const start = performance.now();
      for (const { cpu } of loaded) cpu.tell('running');
      const ends = this.#serve(loaded, STATE.done);
      return loaded.map((one) => Math.round(((ends.get(one) ?? start) - start) * 1e6));
    } catch (error) {
      // They may be anywhere.
      this.stop();
      throw error;
    } finally {
      this.#machine.sharing = false;
      memory.releaseFrees();
      if (loaded.some(({ cpu }) => cpu.get('wakes') !== 0)) this.#machine.wake.all();
    }
  }

  #cpu(number: number): Cpu {
    const cpu = this.#cpus[number] ?? Cpu.create(this.#machine, number);
    if (cpu === undefined) throw new SysError(errno.ENOMEM, 'cpus');
    this.#cpus[number] = cpu;
    return cpu;
  }

  #load(
    jit: Jit,
    programs: readonly BpfProg[],
    targets: ReadonlySet<BpfProg>,
    cpu: Cpu,
    { list, count }: Share,
    { repeat, subjectAt }: Work,
  ): Loaded {
    const machine = this.#machine;
    const { registers } = cpu;
    const calls: Call[][] = [];
    const threadPrograms: ThreadProgram[] = [];
    for (const program of programs) {
      const isTarget = targets.has(program);
      const { compiled, module } = checked(program, jit.moduleFor(program, registers, { isTarget, shared: true }));
      const importer = importerFor(machine, cpu, program);
      const imported = allImports(importer, compiled, (by, needs) => this.#importerOf(jit, by, needs, cpu));
      if (compiled.callsBack) importer.code = instantiate(module, machine.memory.memory, imported, noTable());
      const takers = new Set(
        [compiled, ...compiled.replacements].flatMap(({ helpers }, place) =>
          helpers.filter(takesMap).map((id) => helperImport(id, place)),
        ),
      );
      calls.push(Object.entries(imported).map(([name, call]) => ({ call, takesMap: takers.has(name) })));
      const place = isTarget ? jit.targets.placeOf(program) : undefined;
      threadPrograms.push({ module, imports: Object.keys(imported), place });
    }
    cpu.run.begin(0, undefined, programs[0], undefined);
    cpu.run.subjectAt = subjectAt;
    cpu.set('list', list);
    cpu.set('count', count);
    cpu.set('repeat', repeat);
    cpu.set('wakes', 0);
    cpu.set('textLength', 0);
    cpu.tell('loading');
    cpu.thread.post({
      memory: machine.memory.memory,
      mailbox: cpu.mailbox,
      bell: this.#bellAddress,
      entry: registers.address + ENTRY,
      high: registers.address + HIGH,
      top: cpu.run.top,
      entrySize: ENTRY_SIZE,
      stretch: STRETCH,
      maxText: MAX_TEXT,
      programs: threadPrograms,
      places: jit.targets.table.length,
      clock: clockOf(machine),
      wake: WAKE,
      words: MAIL,
      states: STATE,
      ended: ENDED,
    });
    return { cpu, calls };
  }

  /** Of a program in the place of a function. */
  #importerOf(jit: Jit, program: BpfProg, { callsBack }: Needs, cpu: Cpu): Importer {
    const machine = this.#machine;
    const importer = importerFor(machine, cpu, program);
    if (callsBack) {
      const { compiled, module } = checked(program, jit.moduleFor(program, cpu.registers, { shared: true }));
      importer.code = instantiate(module, machine.memory.memory, importedFunctions(importer, compiled), noTable());
    }
    return importer;
  }

  /** Does what the CPUs ask for until all are in a state: when each was found there, by `performance.now()`. */
  #serve(loaded: readonly Loaded[], until: number): ReadonlyMap<Loaded, number> {
    const ends = new Map<Loaded, number>();
    const waiting = new Set(loaded);
    const passes = () => loaded.reduce((sum, { cpu }) => sum + cpu.get('passes'), 0);
    let [heard, done] = [performance.now(), passes()];
    while (waiting.size > 0) {
      const rung = Atomics.load(this.#bell, 0);
      let served = false;
      for (const one of waiting) {
        const { cpu } = one;
        switch (cpu.state) {
          case until:
            waiting.delete(one);
            ends.set(one, performance.now());
            served = true;
            break;
          case STATE.asks:
            this.#answer(one);
            served = true;
            break;
          case STATE.failed:
            throw new Error(`embedded kernel: CPU ${cpu.number} does not run: ${cpu.text}`);
        }
      }
      if (served || passes() !== done) [heard, done] = [performance.now(), passes()];
      else if (performance.now() - heard > PATIENCE) throw new Error('embedded kernel: the CPUs are silent');
      if (!served) Atomics.wait(this.#bell, 0, rung, PATIENCE / 10);
    }
    return ends;
  }

  /** Does what a CPU asks for as if it ran there. */
  #answer({ cpu, calls }: Loaded): void {
    const machine = this.#machine;
    const { run, registers } = cpu;
    const before = machine.cpu;
    machine.cpu = cpu.number;
    try {
      const call = cpu.get('call');
      if (call === ENDED) {
        const error = cpu.get('a') === 0 ? RUN_ENDED : new wasm.RuntimeError(cpu.text);
        const fault = run.endEntry(error);
        if (fault !== undefined) interpreterOf(machine).report(fault);
      } else {
        const asked = calls[cpu.get('program')]?.[call];
        if (asked === undefined) throw new Error('embedded kernel: a CPU asks for a function that it has not');
        const map = asked.takesMap ? machine.mapAt(registers.low[1] ?? 0) : undefined;
        const answer = () => asked.call(cpu.get('a'), cpu.get('b'));
        cpu.set('reply', map === undefined ? answer() : map.exclusively(answer));
      }
      cpu.tell('answered');
    } catch (error) {
      if (error !== RUN_ENDED) throw error;
      cpu.tell('ended');
    } finally {
      machine.cpu = before;
    }
  }
}

const threads = new WeakMap<Machine, Cpus>();

/** The CPUs of a machine. Throws SysError ENOMEM. */
export function cpusOf(machine: Machine): Cpus {
  let cpus = threads.get(machine);
  if (cpus === undefined) {
    cpus = new Cpus(machine);
    threads.set(machine, cpus);
  }
  return cpus;
}

/** Ends their threads, if there are any. */
export function stopCpus(machine: Machine): void {
  threads.get(machine)?.stop();
}

/** Throws SysError ENOMEM. */
function spreadMaps(machine: Machine): void {
  if (machine.spread) return;
  for (const map of machine.maps.values()) if (!map.spread()) throw new SysError(errno.ENOMEM, 'cpus');
  machine.spread = true;
}

/** A program, and those that its tail calls may lead to, in whose slots their places then are. */
function programsFrom(program: BpfProg, jit: Jit): { programs: readonly BpfProg[]; targets: ReadonlySet<BpfProg> } {
  const programs = new Set([program]);
  const targets = new Set<BpfProg>();
  for (const { maps } of programs) {
    for (const map of maps) {
      if (!(map instanceof ProgArray)) continue;
      for (let index = 0; index < map.attr.maxEntries; index++) {
        const target = map.program(index);
        if (target === undefined) continue;
        programs.add(target);
        targets.add(target);
        jit.targets.resolve(map.address, index);
      }
    }
  }
  return { programs: [...programs], targets };
}

function checked(program: BpfProg, made: ReturnType<Jit['moduleFor']>): Module {
  const what = `${program.attr.name || `program ${program.id}`} on several CPUs`;
  if ('problem' in made) throw new NotSupportedError(what, { instead: `it is not compiled: ${made.problem}` });
  const { compiled } = made;
  const helpers = [compiled, ...compiled.replacements].flatMap((needs) => needs.helpers);
  // What is called back would wait for a lock in the place of whoever could open it.
  const callsBack = helpers.some((id) => id !== loop.id && callees()[id]?.args.includes('func'));
  if (helpers.includes(spin_lock.id) && callsBack)
    throw new NotSupportedError(what, { instead: 'it has both locks and functions that helpers call back' });
  return made;
}

function importerFor(machine: Machine, cpu: Cpu, program: BpfProg): Importer {
  return { machine, registers: cpu.registers, program, code: undefined, resolve: () => lost(cpu) };
}

/** For what makes no tail calls. */
function noTable(): WasmTable {
  return new wasm.Table({ element: 'anyfunc', initial: 0 });
}

function takesMap(id: number): boolean {
  const args = callees()[id]?.args ?? [];
  return args[0] === 'const_map_ptr' && !args.includes('func');
}

function clockOf({ clock }: Machine): ThreadClock | undefined {
  const { origin, ahead } = clock.base;
  if (Math.abs(ahead) > 2 ** 52) return undefined;
  return { names: CLOCKS.map(({ id }) => helperImport(id)), origin, ahead };
}

/** A tail call by a prog array that is in a map, whose programs the CPU has not. */
function lost({ run }: Cpu): never {
  run.fail('a tail call by a prog array within a map, which several CPUs cannot make');
  throw RUN_ENDED;
}
