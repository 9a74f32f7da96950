/** A read or write of a sysctl, as the programs of a cgroup see it. */
export interface SysctlAccess {
  /** `net/ipv4/tcp_mem` */
  readonly name: string;
  readonly write: boolean;
  /** What a read says now, with its newline. */
  readonly current: Uint8Array;
  /** What is being written; a program may put another in its place. */
  value: Uint8Array;
  changed: boolean;
}

/** Bytes of a value that programs see. */
export const SYSCTL_PAGE = 4096;
