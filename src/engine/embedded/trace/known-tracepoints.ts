import type { RecordField } from './record.ts';

/** `category/name` and the fields of the record behind the common ones, as tracefs of Linux 6.18 says. */
// biome-ignore format: aligned table
export const KNOWN_TRACEPOINTS: readonly (readonly [path: string, fields: readonly RecordField[]])[] = [
  ['sched/sched_switch',           ['char prev_comm[16]', 'pid_t prev_pid', 'int prev_prio', 'long prev_state', 'char next_comm[16]', 'pid_t next_pid', 'int next_prio']],
  ['sched/sched_process_exec',     ['__data_loc char[] filename', 'pid_t pid', 'pid_t old_pid']],
  ['sched/sched_process_exit',     ['char comm[16]', 'pid_t pid', 'int prio', 'bool group_dead']],
  ['raw_syscalls/sys_enter',       ['long id', 'unsigned long args[6]']],
  ['raw_syscalls/sys_exit',        ['long id', 'long ret']],
  ['syscalls/sys_enter_openat',    ['int __syscall_nr', ['int dfd', 8], 'const char * filename', ['int flags', 8], ['umode_t mode', 8]]],
  ['syscalls/sys_enter_execve',    ['int __syscall_nr', 'const char * filename', 'const char *const * argv', 'const char *const * envp']],
  ['net/netif_receive_skb',        ['void * skbaddr', 'unsigned int len', '__data_loc char[] name']],
  ['bpf_test_run/bpf_trigger_tp',  ['int nonce']],
  ['skb/kfree_skb',                ['void * skbaddr', 'void * location', 'void * rx_sk', 'unsigned short protocol', 'enum skb_drop_reason reason']],
];
