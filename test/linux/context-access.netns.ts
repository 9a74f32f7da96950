import { beforeEach, describe, expect, it } from 'vitest';
import { contextAccess } from '../../src/engine/embedded/verifier/context-access.ts';
import { CONTEXTS } from '../../src/engine/embedded/verifier/context-rows.ts';
import { ATTACH_TYPES, attachTypeNumber, BPF_F_SLEEPABLE } from '../../src/uapi/bpf.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { withLinux } from '../support/linux.ts';
import { skipBefore, skipFrom } from '../support/since.ts';
import { type Load, verifierLog } from '../support/verifier-log.ts';

/** Beyond what every context but those of variable size has. */
const END = 232;
/** A type with each hook that has a context of its own, and with the first of the others that it may be loaded for. */
const TYPES = [...new Set(CONTEXTS.flatMap(({ types }) => types))].filter((type) => type !== 'lirc_mode2');
const SIZES = [1, 2, 4, 8] as const;

describe('what a program sees of its context is what linux lets it', () => {
  beforeEach((context) => {
    skipBefore(context, '6.18', 'contexts as they are since then');
    skipFrom(context, '7.3', 'what is read of contexts of kprobes and system calls, as it was');
  });

  it.each(TYPES)('%s', (type) => {
    withLinux((kernel) => {
      for (const { types, on } of CONTEXTS) {
        if (!types.includes(type)) continue;
        const named = CONTEXTS.flatMap((other) => (other.types.includes(type) ? (other.on ?? []) : []));
        const hooks = on ?? ATTACH_TYPES.filter((hook) => !named.includes(hook));
        const prog_flags = type === 'syscall' ? BPF_F_SLEEPABLE : 0;
        const loads = hooks.map((hook) => ({ type, expected_attach_type: attachTypeNumber[hook], prog_flags }));
        const returns = (attr: Load) =>
          [0, 1].find((r0) => verifierLog(kernel, bytecode(I.mov(0, r0), I.exit), attr) === 'ok');
        const attr = loads.find((load) => returns(load) !== undefined);
        if (attr === undefined) throw new Error(`no ${type} for ${hooks.join(' or ')}`);
        const end = [I.mov(0, returns(attr) ?? 0), I.exit];

        const read = (off: number, size: (typeof SIZES)[number]) => {
          const log = verifierLog(kernel, bytecode(I.load(size, 2, 1, off), ...end), attr);
          return log === 'ok' ? 'ok' : undefined;
        };
        const write = (off: number, size: (typeof SIZES)[number]) => {
          const insns = bytecode(...end.slice(0, 1), I.store(size, 1, off, 0), ...end);
          return verifierLog(kernel, insns, attr) === 'ok' ? 'ok' : undefined;
        };
        for (let off = 0; off < END; off++)
          for (const size of SIZES) {
            const known = [false, true].map((writes) =>
              contextAccess(type, attr.expected_attach_type, { off, size, write: writes }),
            );
            const place = { type, hook: hooks[0], off, size };
            expect([place, read(off, size), write(off, size)]).toEqual([place, ...known.map((one) => one && 'ok')]);
          }
      }
    });
  });
});
