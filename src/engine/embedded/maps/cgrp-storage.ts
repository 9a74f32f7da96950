import { storageType } from './local-storage.ts';

/** BPF_MAP_TYPE_CGRP_STORAGE: values of cgroups, by fds of their directories. */
export const cgrpStorage = storageType('cgrp_storage', (from, fd) => from.cgroupOf(fd));
