import { SysError } from '../../src/errors.ts';
import { encodeActionMessage, request } from '../../src/net/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { NLM_F_CREATE, RTM_NEWACTION } from '../../src/uapi/netlink.ts';

/** Why a kernel has no actions of kind bpf or gact; `undefined` if it has both. What is a module is loaded by the question. */
export function actionsMissing(kernel: Kernel): string | undefined {
  const missing = ['bpf', 'gact'].filter((kind) => {
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
