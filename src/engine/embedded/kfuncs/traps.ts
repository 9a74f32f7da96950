import { kfunc } from './kfunc.ts';

/** What compilers put where nothing sensible can come: the verifier refuses a program that comes to it. */
export const __bpf_trap = kfunc('void __bpf_trap(void)', {
  args: [],
  returns: 'void',
  call: (env) => env.fail('the program has come to a place where its compiler saw no sense'),
});

/** Passes the tracepoint bpf_trigger_tp, for tests. */
export const bpf_modify_return_test_tp = kfunc('int bpf_modify_return_test_tp(int nonce)', {
  args: ['anything'],
  returns: 'integer',
  call(env, nonce) {
    const context = new Uint8Array(BigInt64Array.of(BigInt(nonce)).buffer);
    env.machine.tracing.tracepoints.get('bpf_trigger_tp')?.rawPrograms.fire(context, { room: 8 * MAX_ARGS });
    return nonce;
  },
});
/** Arguments of a tracepoint, at most. */
const MAX_ARGS = 12;
