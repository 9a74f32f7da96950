/**
 * Linux errno values that bpf(2), netlink and bpffs answer with, and what strerror(3) says of them.
 * ENOTSUPP (524) is kernel-internal and has no libc name; it still reaches user space from bpf(2).
 */
// biome-ignore format: aligned table
export const ERRNO = {
  EPERM:        [1,   'Operation not permitted'],
  ENOENT:       [2,   'No such file or directory'],
  ESRCH:        [3,   'No such process'],
  EINTR:        [4,   'Interrupted system call'],
  EIO:          [5,   'Input/output error'],
  ENXIO:        [6,   'No such device or address'],
  E2BIG:        [7,   'Argument list too long'],
  ENOEXEC:      [8,   'Exec format error'],
  EBADF:        [9,   'Bad file descriptor'],
  EAGAIN:       [11,  'Resource temporarily unavailable'],
  ENOMEM:       [12,  'Cannot allocate memory'],
  EACCES:       [13,  'Permission denied'],
  EFAULT:       [14,  'Bad address'],
  EBUSY:        [16,  'Device or resource busy'],
  EEXIST:       [17,  'File exists'],
  EXDEV:        [18,  'Invalid cross-device link'],
  ENODEV:       [19,  'No such device'],
  ENOTDIR:      [20,  'Not a directory'],
  EISDIR:       [21,  'Is a directory'],
  EINVAL:       [22,  'Invalid argument'],
  EMFILE:       [24,  'Too many open files'],
  ENOTTY:       [25,  'Inappropriate ioctl for device'],
  EFBIG:        [27,  'File too large'],
  ENOSPC:       [28,  'No space left on device'],
  EROFS:        [30,  'Read-only file system'],
  EPIPE:        [32,  'Broken pipe'],
  EDOM:         [33,  'Numerical argument out of domain'],
  ERANGE:       [34,  'Numerical result out of range'],
  EDEADLK:      [35,  'Resource deadlock avoided'],
  ENAMETOOLONG: [36,  'File name too long'],
  ENOSYS:       [38,  'Function not implemented'],
  ENOTEMPTY:    [39,  'Directory not empty'],
  ELOOP:        [40,  'Too many levels of symbolic links'],
  ENOMSG:       [42,  'No message of desired type'],
  ENONET:       [64,  'Machine is not on the network'],
  ENOLINK:      [67,  'Link has been severed'],
  EPROTO:       [71,  'Protocol error'],
  EOVERFLOW:    [75,  'Value too large for defined data type'],
  EBADFD:       [77,  'File descriptor in bad state'],
  ENOTSOCK:     [88,  'Socket operation on non-socket'],
  EDESTADDRREQ: [89,  'Destination address required'],
  EMSGSIZE:     [90,  'Message too long'],
  EPROTOTYPE:   [91,  'Protocol wrong type for socket'],
  ENOPROTOOPT:  [92,  'Protocol not available'],
  EPROTONOSUPPORT: [93, 'Protocol not supported'],
  ESOCKTNOSUPPORT: [94, 'Socket type not supported'],
  EOPNOTSUPP:   [95,  'Operation not supported'],
  EAFNOSUPPORT: [97,  'Address family not supported by protocol'],
  EADDRINUSE:   [98,  'Address already in use'],
  EADDRNOTAVAIL: [99, 'Cannot assign requested address'],
  ENETDOWN:     [100, 'Network is down'],
  ENETUNREACH:  [101, 'Network is unreachable'],
  ECONNABORTED: [103, 'Software caused connection abort'],
  ECONNRESET:   [104, 'Connection reset by peer'],
  ENOBUFS:      [105, 'No buffer space available'],
  EISCONN:      [106, 'Transport endpoint is already connected'],
  ENOTCONN:     [107, 'Transport endpoint is not connected'],
  ETIMEDOUT:    [110, 'Connection timed out'],
  ECONNREFUSED: [111, 'Connection refused'],
  EHOSTDOWN:    [112, 'Host is down'],
  EHOSTUNREACH: [113, 'No route to host'],
  EALREADY:     [114, 'Operation already in progress'],
  EINPROGRESS:  [115, 'Operation now in progress'],
  ESTALE:       [116, 'Stale file handle'],
  ENOTSUPP:     [524, 'Unknown error 524'],
} as const satisfies Record<string, readonly [number, string]>;

export type ErrnoCode = keyof typeof ERRNO;

/** The number of an errno name, e.g. `errno.EINVAL === 22`. */
export const errno = Object.fromEntries(Object.entries(ERRNO).map(([code, [n]]) => [code, n])) as {
  // Object.fromEntries loses the keys; they are ERRNO's own.
  readonly [C in ErrnoCode]: (typeof ERRNO)[C][0];
};

/** The largest number that a negative result stands for as an errno. */
export const MAX_ERRNO = 4095;

const byNumber = new Map<number, readonly [ErrnoCode, string]>(
  // Object.entries widens the keys to string; they are ERRNO's own.
  (Object.entries(ERRNO) as [ErrnoCode, readonly [number, string]][]).map(([code, [n, text]]) => [n, [code, text]]),
);

/** `ENOENT` for 2; `E999` for a number that the table does not have. */
export function errnoCode(n: number): string {
  return byNumber.get(n)?.[0] ?? `E${n}`;
}

/** What strerror(3) prints, e.g. `No such file or directory` for 2. */
export function strerror(n: number): string {
  return byNumber.get(n)?.[1] ?? `Unknown error ${n}`;
}
