import { SysError } from '../../src/errors.ts';
import { encodeActionMessage, request } from '../../src/net/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { NLM_F_CREATE, RTM_NEWACTION } from '../../src/uapi/netlink.ts';
import { SLOW } from './slow.ts';

/** Linux takes a filter apart, and lets its actions go, some time after it has answered. */
export function settle(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100 * SLOW);
}

/** Which of these kinds of action a kernel does not have, in words; `undefined` if it has all. What is a module is loaded by the question. */
export function actionsMissing(kernel: Kernel, kinds: readonly string[] = ['bpf', 'gact']): string | undefined {
  const missing = kinds.filter((kind) => {
    try {
      // Refused in any case: an action needs options. The kind is looked for first.
      request(kernel, kind, RTM_NEWACTION, NLM_F_CREATE, encodeActionMessage({ actions: [{ kind }] }));
    } catch (error) {
      if (error instanceof SysError) return error.code !== 'EINVAL';
      throw error;
    }
    return false;
  });
  return missing.length === 0 ? undefined : `this kernel has no ${missing.map((kind) => `act_${kind}`).join(', ')}`;
}
