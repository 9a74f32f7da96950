import { expect, it } from 'vitest';
import { skepOn } from '../../../test/support/commands.ts';
import { createEmbeddedKernel } from '../../engine/embedded/index.ts';

it('structs of functions of the embedded kernel are registered, shown, printed and taken out of force', async () => {
  const { kernel, lab } = createEmbeddedKernel();
  const skep = async (...words: string[]) => {
    const { status, stdout } = await skepOn(kernel, lab, ['struct_ops', ...words]);
    expect(status).toBe(0);
    return stdout;
  };
  expect(await skep('register', 'test/objects/congestion.o')).toMatch(
    /^Registered tcp_congestion_ops skep_reno id \d+\nRegistered tcp_congestion_ops skep_own id \d+\n$/,
  );
  expect(lab.congestionControls).toEqual(['cubic', 'reno', 'skep_reno', 'skep_own']);
  expect((await skep('show')).split('\n').map((line) => line.trim().split(/\s+/))).toContainEqual([
    expect.stringMatching(/^\d+:$/),
    'skep_own',
    'tcp_congestion_ops',
  ]);
  const dump = await skep('dump', 'name', 'skep_reno');
  expect(dump).toContain('"state": "BPF_STRUCT_OPS_STATE_INUSE"');
  expect(dump).toMatch(/"ssthresh": "u32 \(struct sock \*\) reno_ssthresh\/prog_id:\d+"/);
  await skep('unregister', 'name', 'skep_reno');
  expect(lab.congestionControls).toEqual(['cubic', 'reno', 'skep_own']);
});
