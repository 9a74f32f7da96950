import type { LinearMemory } from '../memory.ts';
import type { FunctionTraits } from './traced-function.ts';

/** What a function makes of its arguments, which are words; a pointer is an address in linear memory. */
export type FunctionBody = (args: readonly bigint[], memory: LinearMemory) => bigint;

export interface BuiltIn extends FunctionTraits {
  readonly prototype: string;
  readonly body: FunctionBody;
}

const sum: FunctionBody = (args) => args.reduce((a, b) => a + b, 0n);
const nothing: FunctionBody = () => 0n;

/**
 * Functions that are there from the start. Those for tests are Linux's, which test runs of programs on them call; hooks of LSM return 0, and are called by the lab alone.
 * Source: net/bpf/test_run.c, <linux/lsm_hook_defs.h>.
 */
export const BUILT_IN: readonly BuiltIn[] = [
  { prototype: 'int bpf_fentry_test1(int a)', body: ([a = 0n]) => a + 1n, errorInjection: true, sleepable: true },
  { prototype: 'int bpf_fentry_test2(int a, u64 b)', body: sum },
  { prototype: 'int bpf_fentry_test3(char a, int b, u64 c)', body: sum },
  { prototype: 'int bpf_fentry_test4(void *a, char b, int c, u64 d)', body: sum },
  { prototype: 'int bpf_fentry_test5(u64 a, void *b, short c, int d, u64 e)', body: sum },
  { prototype: 'int bpf_fentry_test6(u64 a, void *b, short c, int d, void *e, u64 f)', body: sum },
  { prototype: 'int bpf_fentry_test7(struct bpf_fentry_test_t *arg)', body: sum },
  {
    prototype: 'int bpf_fentry_test8(struct bpf_fentry_test_t *arg)',
    body: ([arg = 0n], memory) => read(memory, arg, 8),
  },
  { prototype: 'u32 bpf_fentry_test9(u32 *a)', body: ([a = 0n], memory) => read(memory, a, 4) },
  {
    prototype: 'int bpf_modify_return_test(int a, int *b)',
    errorInjection: true,
    body: ([a = 0n, b = 0n], memory) => a + increment(memory, b),
  },
  {
    prototype: 'int bpf_modify_return_test2(int a, int *b, short c, int d, void *e, char f, int g)',
    errorInjection: true,
    body: ([a = 0n, b = 0n, ...rest], memory) => a + increment(memory, b) + sum(rest, memory),
  },
  { prototype: 'int bpf_lsm_file_open(struct file *file)', body: nothing, sleepable: true },
  { prototype: 'int bpf_lsm_bprm_check_security(struct linux_binprm *bprm)', body: nothing, sleepable: true },
  { prototype: 'int bpf_lsm_task_alloc(struct task_struct *task, u64 clone_flags)', body: nothing, sleepable: true },
  { prototype: 'void bpf_lsm_task_free(struct task_struct *task)', body: nothing },
  { prototype: 'int bpf_lsm_inode_unlink(struct inode *dir, struct dentry *dentry)', body: nothing, sleepable: true },
  {
    prototype: 'int bpf_lsm_socket_create(int family, int type, int protocol, int kern)',
    body: nothing,
    sleepable: true,
  },
  {
    prototype: 'int bpf_lsm_socket_bind(struct socket *sock, struct sockaddr *address, int addrlen)',
    body: nothing,
    sleepable: true,
  },
  {
    prototype: 'int bpf_lsm_socket_connect(struct socket *sock, struct sockaddr *address, int addrlen)',
    body: nothing,
    sleepable: true,
  },
];

function increment(memory: LinearMemory, address: bigint): bigint {
  const value = read(memory, address, 4) + 1n;
  if (memory.check(Number(address), 4)) memory.dv.setInt32(Number(address), Number(BigInt.asIntN(32, value)), true);
  return value;
}

function read(memory: LinearMemory, address: bigint, size: 4 | 8): bigint {
  const at = Number(address);
  if (!memory.check(at, size)) return 0n;
  const { dv } = memory;
  return size === 4 ? BigInt(dv.getInt32(at, true)) : dv.getBigInt64(at, true);
}
