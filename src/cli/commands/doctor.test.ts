import { describe, expect, it } from 'vitest';
import { skepInProcess, skepOnLinux } from '../../../test/support/commands.ts';
import { linuxWorks } from '../../../test/support/linux.ts';
import { errno } from '../../uapi/errno.ts';
import { doctor } from './doctor.ts';

const skep = (options?: Parameters<typeof skepInProcess>[2]) => skepInProcess([doctor], ['doctor'], options);

describe('skep doctor', () => {
  it('has nothing to say about the embedded kernel', async () => {
    const line =
      'nothing is needed: the embedded kernel asks for no privileges and no settings (for the running kernel: skep --kernel linux doctor)\n';
    expect(await skep()).toEqual({ status: 0, stdout: line, stderr: '' });
    expect((await skep({ json: true })).stdout).toBe('[]\n');
  });

  it('says what is missing by its exit code, if that is essential', async () => {
    const files = { '/proc/self/status': 'Uid:\t0\t0\t0\t0\nCapEff:\t0000008000000000\n' };
    const works = await skep({ shown: { files, mounts: {}, bpf: 0 } });
    expect(works.status).toBe(0);
    expect(works.stdout).toMatch(
      /^missing +bpffs +not mounted .*\n[\s\S]*\n {2}bpffs +sudo mount -t bpf bpf \/sys\/fs\/bpf\n/m,
    );
    expect(works.stdout).toMatch(/\nnothing essential is missing\n$/);
    const refused = await skep({ shown: { files, mounts: {}, bpf: errno.EPERM } });
    expect(refused.status).toBe(1);
    expect(refused.stdout).toMatch(/\neBPF does not work here without bpf\(2\)\n$/);
    const json = JSON.parse((await skep({ json: true, shown: { files, mounts: {}, bpf: errno.EPERM } })).stdout);
    expect(json[0]).toEqual({
      what: 'bpf(2)',
      source: 'BPF_MAP_CREATE of an array of one element',
      why: 'everything is done through it',
      essential: true,
      status: 'missing',
      found: 'EPERM',
      fix: 'sudo dmesg | tail',
    });
  });

  it.runIf(linuxWorks())('finds that eBPF works where it does', () => {
    const { status, stdout } = skepOnLinux('doctor');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^status +what +found +how +why\nok +bpf\(2\) +works /);
    expect(stdout).toMatch(/\nnothing essential is missing\n$/);
  });
});
