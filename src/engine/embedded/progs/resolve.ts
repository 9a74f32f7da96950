import type { Btf } from '../../../btf/index.ts';
import {
  BPF_CALL,
  BPF_JMP,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  encodeInsns,
  INSN_SIZE,
  type Insn,
  LD_IMM64,
  ldImm64,
} from '../../../isa/index.ts';
import { mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { BtfObject } from '../btf-object.ts';
import type { Wide } from '../helpers/helper.ts';
import { KFUNC_INDEX } from '../kfuncs/table.ts';
import { ArenaMap } from '../maps/arena.ts';
import type { BpfMap } from '../maps/map.ts';
import { type Rejection, reject } from './rejection.ts';

/** Maps that one program may use. */
const MAX_USED_MAPS = 64;
/** Offsets into a map's value from here on are refused. */
const BPF_MAX_VAR_OFF = 1 << 29;

/** A program whose map references are resolved. */
export interface Resolved {
  /** With the maps' ids. */
  readonly xlated: readonly Insn[];
  /** With the maps' addresses, and what the interpreter knows functions of the kernel by: {@link ProgAttr.runnable}. */
  readonly runnable: Uint8Array;
  /** In the order of first use, then those of `bound`. No references taken. */
  readonly maps: readonly BpfMap[];
  /** What each `ld_imm64` of a map stands for, by its slot; `offset`: of a value's address. */
  readonly uses: ReadonlyMap<number, { readonly map: BpfMap; readonly offset?: number }>;
}

export interface FdSource {
  /** The map of an fd, or -errno. */
  map(fd: number): BpfMap | number;
  btf(fd: number): BtfObject | number;
  /** The types of the kernel, where its functions are found by their ids. */
  readonly kernelBtf: Btf;
  /** The address of a function or variable of the kernel; `undefined` if it has none. */
  symbolAddress(name: string): bigint | undefined;
}

/**
 * Replaces the fds in `ld_imm64` by what a program runs with. `bytes`: the instructions as they were given. `fdArray`: what BPF_PSEUDO_MAP_IDX counts in; `bound`: fds of maps that the program
 * holds though no instruction names them; BTF may be among them.
 */
export function resolveMaps(
  bytes: Uint8Array,
  insns: readonly Insn[],
  fds: FdSource,
  fdArray: readonly number[] | undefined,
  bound: readonly number[],
): Resolved | Rejection {
  const maps = new Set<BpfMap>();
  const uses = new Map<number, { readonly map: BpfMap; readonly offset?: number }>();
  const xlated = [...insns];
  const runnable = new Uint8Array(bytes);
  const run = (i: number, ...instead: readonly Insn[]) => runnable.set(encodeInsns(instead), INSN_SIZE * i);
  for (const fd of bound) {
    const map = fds.map(fd);
    if (typeof map !== 'number') {
      const unfit = addMap(maps, map);
      if (unfit !== undefined) return unfit;
    } else if (typeof fds.btf(fd) === 'number') return reject(`fd ${fd} is not pointing to valid bpf_map or btf`);
  }
  for (let i = 0; i < insns.length; i++) {
    const insn = insns[i];
    if (insn?.opcode === (BPF_JMP | BPF_CALL) && insn.src === BPF_PSEUDO_KFUNC_CALL)
      run(i, { ...insn, off: 0, imm: kfuncIndex(fds.kernelBtf, insn) });
    if (insn?.opcode !== LD_IMM64) continue;
    const second = insns[++i];
    if (second === undefined || insn.src === 0 || insn.src === BPF_PSEUDO_FUNC) continue;
    if (insn.src === BPF_PSEUDO_BTF_ID) {
      const symbol = kernelSymbol(fds, insn.imm, second.imm);
      if (typeof symbol !== 'bigint') return symbol;
      const number = ldImm64(insn.dst, symbol);
      run(i - 1, ...number);
      [xlated[i - 1], xlated[i]] = number;
      continue;
    }
    const fd = mapFd(insn, fdArray);
    if (typeof fd !== 'number') return fd;
    const map = fds.map(fd);
    if (typeof map === 'number') return { errno: -map, message: `fd ${fd} is not pointing to valid bpf_map` };
    const unfit = addMap(maps, map);
    if (unfit !== undefined) return unfit;
    const direct = insn.src === BPF_PSEUDO_MAP_VALUE || insn.src === BPF_PSEUDO_MAP_IDX_VALUE;
    const address = direct ? valueAddress(map, second.imm >>> 0) : { low: map.address, high: 0 };
    if ('errno' in address) return address;
    uses.set(i - 1, direct ? { map, offset: second.imm >>> 0 } : { map });
    const number: [Insn, Insn] = [
      { ...insn, src: 0, imm: address.low },
      { ...second, imm: address.high },
    ];
    run(i - 1, ...number);
    // Of what is no address of the kernel's, nobody can tell which map it is of.
    if (direct && map.userAddress !== undefined) [xlated[i - 1], xlated[i]] = number;
    else xlated[i - 1] = { ...insn, src: direct ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD, imm: map.id };
  }
  return { xlated, runnable, maps: [...maps], uses };
}

/** The address of a variable or function that a BTF has under an id. `fd`: of that BTF; 0: the kernel's own. */
function kernelSymbol(fds: FdSource, id: number, fd: number): bigint | Rejection {
  const given = fd === 0 ? undefined : fds.btf(fd);
  if (typeof given === 'number') return reject('invalid module BTF object FD specified.');
  const btf = given?.btf ?? fds.kernelBtf;
  const type = id > 0 && id < btf.typeCount ? btf.type(id) : undefined;
  if (type === undefined) return reject(`ldimm64 insn specifies invalid btf_id ${id}.`, 'ENOENT');
  if (type.kind !== 'var' && type.kind !== 'func')
    return reject(`pseudo btf_id ${id} in ldimm64 isn't KIND_VAR or KIND_FUNC`);
  const address = fds.symbolAddress(type.name);
  return address ?? reject(`ldimm64 failed to find the address for kernel symbol '${type.name}'.`, 'ENOENT');
}

/** Its place in the table of those that there are; -1: it is none, or one of a module. */
function kfuncIndex(btf: Btf, { imm, off }: Insn): number {
  const func = off === 0 && imm > 0 && imm < btf.typeCount ? btf.type(imm) : undefined;
  return (func?.kind === 'func' ? KFUNC_INDEX.get(func.name) : undefined) ?? -1;
}

function mapFd(insn: Insn, fdArray: readonly number[] | undefined): number | Rejection {
  if (insn.src !== BPF_PSEUDO_MAP_IDX && insn.src !== BPF_PSEUDO_MAP_IDX_VALUE) return insn.imm;
  if (fdArray === undefined) return reject('fd_idx without fd_array is invalid', 'EPROTO');
  const fd = fdArray[insn.imm];
  // The kernel reads past the end of what the caller meant; here the array's length is known.
  return fd ?? { errno: errno.EFAULT, message: `fd_idx ${insn.imm} is not in fd_array` };
}

/** Of arenas a program has one at most, which has an address. */
function addMap(maps: Set<BpfMap>, map: BpfMap): Rejection | undefined {
  if (maps.has(map)) return undefined;
  if (map instanceof ArenaMap) {
    if (!map.machine.verifies)
      return reject('arenas need a verifier, which tells pointers into them from others', 'ENOTSUPP');
    for (const other of maps) if (other instanceof ArenaMap) return reject('Only one arena per program', 'EBUSY');
    if (!map.isPlaced) return reject("arena's user address must be set via map_extra or mmap()");
  }
  maps.add(map);
  return maps.size > MAX_USED_MAPS
    ? reject(`The total number of maps per program has reached the limit of ${MAX_USED_MAPS}`, 'E2BIG')
    : undefined;
}

function valueAddress(map: BpfMap, offset: number): Wide | Rejection {
  if (offset >= BPF_MAX_VAR_OFF) return reject(`direct value offset of ${offset} is not allowed`);
  const address = map.userAddress?.(offset) ?? map.directValue(offset);
  if (typeof address !== 'number') return address;
  if (address >= 0) return { low: address + offset, high: 0 };
  return -address === errno.EINVAL && map.attr.type !== mapTypeNumber.array
    ? reject('no direct value access support for this map type')
    : {
        errno: -address,
        message: `invalid access to map value pointer, value_size=${map.attr.valueSize} off=${offset}`,
      };
}
