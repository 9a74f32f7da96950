import { showSkBuff, showXdpBuff } from '../progs/show-packet.ts';
import { kfunc } from './kfunc.ts';

/** The kernel's own struct of the program's context: a packet's as it is now. Of other contexts it is what the program has. */
export const bpf_cast_to_kern_ctx = kfunc('void *bpf_cast_to_kern_ctx(void *obj)', {
  args: ['ctx'],
  returns: 'map_value_or_null',
  call({ subject }, context) {
    if (subject?.kind === 'skb' && subject.context === context) return showSkBuff(subject);
    return subject?.kind === 'xdp' ? showXdpBuff(subject) : context;
  },
});

/** What the verifier takes for a struct of the kernel from here on. Reads from where nothing is are zero. */
export const bpf_rdonly_cast = kfunc('void *bpf_rdonly_cast(const void *obj__ign, u32 btf_id__k)', {
  args: ['wide'],
  returns: 'u64',
  call(env, { low, high }) {
    env.resultHigh = high;
    return low;
  },
});
