import { errno } from '../../../uapi/errno.ts';
import { storageType } from './local-storage.ts';

/** BPF_MAP_TYPE_SK_STORAGE: values of sockets. */
export const skStorage = storageType('sk_storage', (from, fd) => {
  const file = from.file(fd);
  if (file === undefined) return -errno.EBADF;
  return file.kind === 'socket' || file.kind === 'inet_socket' ? file.socket : -errno.ENOTSOCK;
});
