import { toHex } from '../../../bytes/hex.ts';
import type { BtfObject } from '../btf-object.ts';
import { type Code, decodeProgram, markReplaced } from '../interp/code.ts';
import type { CompiledCode } from '../jit/compiled-run.ts';
import type { Machine } from '../machine.ts';
import { ArenaMap } from '../maps/arena.ts';
import type { BpfMap } from '../maps/map.ts';
import { RefCounted } from '../refs.ts';
import type { TargetFunction } from '../verifier/extension.ts';
import { ProgStream } from './prog-stream.ts';

export interface ProgAttr {
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  readonly expectedAttachType: number;
  /** What it returns has a meaning only there. */
  readonly enforceAttachType: boolean;
  /** The function that it is made for, of the kernel's BTF or, of type ext, of that of a program; 0 where there is none. */
  readonly attachBtfId: number;
  /** Of type ext: what the program is whose functions it may take the place of. */
  readonly extended: Pick<ProgAttr, 'type' | 'expectedAttachType'> | undefined;
  /** Its functions that other programs may take the place of, as far as their types are known. */
  readonly functions: readonly TargetFunction[];
  readonly flags: number;
  readonly name: string;
  readonly license: string;
  /** 8 bytes (kernel.md: program tag). */
  readonly tag: Uint8Array;
  /** For `dump xlated`: map references carry ids (src_reg 1: imm = id; src_reg 2: imm = id, second imm = offset). */
  readonly xlated: Uint8Array;
  /** For running: map references carry addresses in linear memory. */
  readonly runnable: Uint8Array;
  /** Slots of loads that are zero where their pointer leads nowhere. */
  readonly probed: ReadonlySet<number> | undefined;
  /** Slots of what reads and writes its arena. */
  readonly inArena: ReadonlySet<number> | undefined;
  /** How far it reads and writes what an iterator hands it. Bytes. */
  readonly bufferReach: { readonly rdonly: number; readonly rdwr: number } | undefined;
  /** The slot of the function that gives the result after bpf_throw, where it has one. */
  readonly exceptionCallback: number | undefined;
  /** In the order of first use; the program holds a reference on each. */
  readonly maps: readonly BpfMap[];
  readonly btf: BtfObject | undefined;
  readonly funcInfo: { readonly recordSize: number; readonly count: number; readonly bytes: Uint8Array } | undefined;
  readonly lineInfo: { readonly recordSize: number; readonly count: number; readonly bytes: Uint8Array } | undefined;
  /** Nanoseconds since boot. */
  readonly loadTime: bigint;
  /** Instructions that the verifier followed, over all paths. */
  readonly verifiedInsns: number;
}

/** Where Linux has its programs' machine code, and as much as anybody gives a program of it. */
const FIRST_ADDRESS = 0xffff_ffff_c000_0000n;
const ROOM = 64n;

/** A loaded program. Held by fds, pins, filters, links, prog array slots. */
export class BpfProg extends RefCounted {
  readonly machine: Machine;
  readonly attr: ProgAttr;
  readonly id: number;
  /** The arena that it uses, of which there is one at most. */
  readonly arena: ArenaMap | undefined;
  runCount = 0n;
  runTimeNs = 0n;
  /** `attr.maps`, and those that were bound later. */
  readonly #maps: BpfMap[];
  #code: Code | undefined;
  #streams: readonly ProgStream[] | undefined;
  /** What it is in WebAssembly, since it ran for the first time. */
  compiled: CompiledCode | 'interpreted' | undefined;
  /** Of type ext: the program whose function it was loaded to take the place of, which it holds until it is attached for the first time. */
  #aim: BpfProg | undefined;
  readonly #replacements = new Map<number, BpfProg>();
  /** Slots of prog arrays that it is in. */
  arraySlots = 0;
  /** What has to be done besides when the program goes. */
  readonly #farewells: (() => void)[] = [];

  constructor(machine: Machine, attr: ProgAttr) {
    super();
    this.machine = machine;
    this.attr = attr;
    this.#maps = [...attr.maps];
    this.arena = attr.maps.find((map) => map instanceof ArenaMap);
    this.id = machine.progs.add(this);
  }

  /** BPF_PROG_TYPE_* of the programs that it runs as one of. */
  get runType(): number {
    return this.attr.extended?.type ?? this.attr.type;
  }

  get aim(): BpfProg | undefined {
    return this.#aim;
  }
  set aim(aim: BpfProg | undefined) {
    aim?.get();
    this.#aim?.put();
    this.#aim = aim;
  }

  /** Programs that have taken the place of its functions, by the slots where these start. Whoever attached them holds them. */
  get replacements(): ReadonlyMap<number, BpfProg> {
    return this.#replacements;
  }

  /** What runs when it is to be run: the program, or what has taken the place of its main function. */
  get entry(): BpfProg {
    return this.#replacements.get(0) ?? this;
  }

  /** Has a program in the place of a function, or `undefined`: the function itself again. */
  replace(start: number, by: BpfProg | undefined): void {
    if (by === undefined) this.#replacements.delete(start);
    else this.#replacements.set(start, by);
    if (this.#code !== undefined && start > 0) markReplaced(this.#code, start, by !== undefined);
    this.compiled = undefined;
  }

  /** What it writes to: 1 its output, 2 its errors. */
  stream(id: number): ProgStream | undefined {
    if (id !== 1 && id !== 2) return undefined;
    this.#streams ??= [new ProgStream(this.machine), new ProgStream(this.machine)];
    return this.#streams[id - 1];
  }

  /** Where stacks say that it is, and its name in /proc/kallsyms. */
  get address(): bigint {
    return FIRST_ADDRESS + ROOM * BigInt(this.id);
  }
  get symbol(): string {
    const { tag, name } = this.attr;
    return `bpf_prog_${toHex(tag)}${name === '' ? '' : `_${name}`}`;
  }

  /** The maps that the program holds: those that it uses, in the order of first use, then those of BPF_PROG_BIND_MAP. */
  get maps(): readonly BpfMap[] {
    return this.#maps;
  }

  /** Holds a map, unless the program does already. */
  bindMap(map: BpfMap): void {
    if (!this.#maps.includes(map)) this.#maps.push(map.get());
  }

  /** Decoded for the interpreter, once. */
  get code(): Code {
    if (this.#code === undefined) {
      this.#code = decodeProgram(this.attr.runnable, this.attr);
      for (const start of this.#replacements.keys()) if (start > 0) markReplaced(this.#code, start, true);
    }
    return this.#code;
  }

  onDestroy(then: () => void): void {
    this.#farewells.push(then);
  }

  protected override destroy(): void {
    for (const then of this.#farewells) then();
    this.machine.progs.remove(this.id);
    for (const map of this.#maps) map.put();
    this.attr.btf?.put();
    this.#aim?.put();
    for (const stream of this.#streams ?? []) stream.clear();
  }
}
