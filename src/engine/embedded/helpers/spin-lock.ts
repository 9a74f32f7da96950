import { helper } from './helper.ts';

// One program runs at a time, so a lock is never waited for. What the verifier of Linux proves of locks is looked at here.

export const spin_lock = helper({
  id: 93,
  name: 'spin_lock',
  args: ['spin_lock'],
  returns: 'void',
  call(env, lock) {
    env.memory.dv.setUint32(lock, 1, true);
    env.lock = lock;
    return 0;
  },
});

export const spin_unlock = helper({
  id: 94,
  name: 'spin_unlock',
  args: ['spin_lock'],
  underLock: true,
  returns: 'void',
  call(env, lock) {
    if (env.lock !== lock) return env.fail('bpf_spin_unlock of a different lock, or without taking a lock');
    env.memory.dv.setUint32(lock, 0, true);
    env.lock = 0;
    return 0;
  },
});
