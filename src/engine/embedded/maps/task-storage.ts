import { errno } from '../../../uapi/errno.ts';
import { storageType } from './local-storage.ts';

/** BPF_MAP_TYPE_TASK_STORAGE: values of tasks. User space names them by pidfds, which nothing here makes. */
export const taskStorage = storageType('task_storage', () => -errno.EBADF);
