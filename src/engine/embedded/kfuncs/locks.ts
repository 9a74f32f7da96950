import { errno } from '../../../uapi/errno.ts';
import type { HelperEnv } from '../helpers/helper.ts';
import { kfunc } from './kfunc.ts';

// One program runs at a time, so a lock is free, or the program itself has it: it would wait for ever.

const lock = ({ memory: { dv } }: HelperEnv, at: number): number => {
  if (dv.getUint32(at, true) !== 0) return -errno.EDEADLK;
  dv.setUint32(at, 1, true);
  return 0;
};
const unlock = ({ memory }: HelperEnv, at: number): number => {
  memory.dv.setUint32(at, 0, true);
  return 0;
};

export const bpf_res_spin_lock = kfunc('int bpf_res_spin_lock(struct bpf_res_spin_lock *lock)', {
  args: ['res_spin_lock'],
  returns: 'integer',
  underLock: true,
  call: lock,
});

export const bpf_res_spin_unlock = kfunc('void bpf_res_spin_unlock(struct bpf_res_spin_lock *lock)', {
  args: ['res_spin_lock'],
  returns: 'void',
  underLock: true,
  call: unlock,
});

export const bpf_res_spin_lock_irqsave = kfunc(
  'int bpf_res_spin_lock_irqsave(struct bpf_res_spin_lock *lock, unsigned long *flags__irq_flag)',
  { args: ['res_spin_lock', 'out_64'], returns: 'integer', underLock: true, call: lock },
);

export const bpf_res_spin_unlock_irqrestore = kfunc(
  'void bpf_res_spin_unlock_irqrestore(struct bpf_res_spin_lock *lock, unsigned long *flags__irq_flag)',
  { args: ['res_spin_lock', 'out_64'], returns: 'void', underLock: true, call: unlock },
);
