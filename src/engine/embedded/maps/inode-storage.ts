import { errno } from '../../../uapi/errno.ts';
import { storageType } from './local-storage.ts';

/** BPF_MAP_TYPE_INODE_STORAGE: values of inodes. */
export const inodeStorage = storageType('inode_storage', (from, fd) => {
  const file = from.file(fd);
  switch (file?.kind) {
    case undefined:
      return -errno.EBADF;
    case 'directory':
      return file.place.inode;
    case 'socket':
      return file.socket;
    // Maps, programs and their like have one inode together. So have here the files of text, which are made anew when they are opened.
    default:
      return from.machine;
  }
});
