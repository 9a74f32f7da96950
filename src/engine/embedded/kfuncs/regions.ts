import { kfunc } from './kfunc.ts';

// One program runs at a time, and nothing interrupts it: what keeps others away has nothing to do. That each is left again the verifier has shown.

const nothing = { args: [], returns: 'void', call: () => 0 } as const;

export const bpf_rcu_read_lock = kfunc('void bpf_rcu_read_lock()', nothing);
export const bpf_rcu_read_unlock = kfunc('void bpf_rcu_read_unlock()', nothing);
export const bpf_preempt_disable = kfunc('void bpf_preempt_disable()', nothing);
export const bpf_preempt_enable = kfunc('void bpf_preempt_enable()', nothing);

/** EFLAGS with interrupts on. */
const X86_EFLAGS_IF = 0x200n;

export const bpf_local_irq_save = kfunc('void bpf_local_irq_save(unsigned long *flags__irq_flag)', {
  args: ['out_64'],
  returns: 'void',
  call({ memory }, flags) {
    memory.dv.setBigUint64(flags, X86_EFLAGS_IF, true);
    return 0;
  },
});

export const bpf_local_irq_restore = kfunc('void bpf_local_irq_restore(unsigned long *flags__irq_flag)', {
  args: ['out_64'],
  returns: 'void',
  call: () => 0,
});

/** The program ends here and now, however many functions are active; its exception callback says with what result. */
export const bpf_throw = kfunc('void bpf_throw(u64 cookie)', {
  args: ['wide'],
  returns: 'void',
  call: (env, cookie) => env.throw(cookie),
});
