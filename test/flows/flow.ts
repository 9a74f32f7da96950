import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandKernel, commandKernels } from '../support/kernels.ts';
import { Transcript } from '../support/transcript.ts';

/** What a flow works with: each command's output also goes into the transcript that is compared between kernels. */
export interface Flow {
  readonly kernel: CommandKernel;
  /** Runs a command, expects it to succeed, and records it. */
  run(...words: readonly string[]): string;
  /** Runs a command that must fail with this exit code; returns what it says. */
  fails(status: number, ...words: readonly string[]): string;
  /** {@link fails}, once it does: Linux frees what nothing holds any more a moment later, after a grace period of RCU. */
  failsSoon(status: number, ...words: readonly string[]): Promise<string>;
  /** Runs a command without recording it, for ids and other values that the flow itself needs. */
  ask(...words: readonly string[]): string;
}

/**
 * Defines a test that does the same on every kernel, and one that compares what the kernels said. `steps` holds the expectations proper; the
 * comparison finds what nobody thought of.
 */
export function flow(
  title: string,
  steps: (flow: Flow) => void | Promise<void>,
  /** Why a kernel cannot do it, for those that are not ours to choose. */
  lacking: (kernel: CommandKernel) => string | undefined = () => undefined,
): void {
  describe(title, () => {
    const transcripts = new Map<string, Transcript>();
    for (const start of commandKernels()) {
      describe(start.name.replace('start', '').toLowerCase(), () => {
        let kernel: CommandKernel;
        beforeAll(async () => {
          kernel = await start();
        });
        afterAll(async () => {
          await kernel?.[Symbol.asyncDispose]();
        });
        it('does it', async ({ skip }) => {
          const reason = lacking(kernel);
          if (reason !== undefined) skip(reason);
          const transcript = new Transcript();
          transcripts.set(kernel.name, transcript);
          const fails: Flow['fails'] = (status, ...words) => {
            const ran = kernel.skep(...words);
            expect(`exit ${ran.status}: ${ran.stderr}`).toMatch(new RegExp(`^exit ${status}: `));
            transcript.add(words.join(' '), `exit ${ran.status}\n${ran.stderr}`);
            return ran.stderr;
          };
          await steps({
            kernel,
            fails,
            async failsSoon(status, ...words) {
              for (let tries = 0; tries < 100 && kernel.skep(...words).status === 0; tries++) await setTimeout(20);
              return fails(status, ...words);
            },
            ask: (...words) => kernel.ok(...words),
            run(...words) {
              const output = kernel.ok(...words);
              transcript.add(words.join(' '), output);
              return output;
            },
          });
        });
      });
    }
    it('says the same on both', () => {
      const [first, ...others] = [...transcripts.values()];
      for (const other of others) expect(other.lines).toEqual(first?.lines);
    });
  });
}

/** An Ethernet frame with an IPv4 header and a UDP payload, 64 bytes, as hex digits; `tos` is the type of service. */
export function frame(tos = 0): string {
  return `020000000002020000000001080045${tos.toString(16).padStart(2, '0')}003200010000401166b70a0000010a000002${'1f90'}${'1f90'}001e0000${'ab'.repeat(22)}`;
}
