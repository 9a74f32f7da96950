import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLinuxKernel, createLinuxPacketLab } from '../../src/engine/linux/index.ts';
import { actionsMissing } from '../support/actions.ts';
import { skepOn } from '../support/commands.ts';
import { type Ran, root } from '../support/kernels.ts';

const ALL = '1,6 0 0 4294967295,';
const FRAME = `ffffffffffff02000000000188b5${'00'.repeat(46)}`;

/** Words as on a command line; those in quotes stay together. */
const words = (text: string) => (text.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'(.*)'$/, '$1'));

const kernel = createLinuxKernel();
const lab = createLinuxPacketLab(kernel);
const anySkep = (text: string): Promise<Ran> => skepOn(kernel, lab, words(text));
function anyTc(text: string): Ran {
  const { status, stdout, stderr, error } = spawnSync('tc', words(text), { cwd: root, encoding: 'utf8' });
  if (error !== undefined) throw error;
  return { status: status ?? -1, stdout, stderr };
}

function must(ran: Ran, text: string): string {
  if (ran.status !== 0) throw new Error(`${text}: exit ${ran.status}\n${ran.stderr}`);
  return ran.stdout;
}
const tc = (text: string) => must(anyTc(text), `tc ${text}`);
const skep = async (text: string) => must(await anySkep(text), `skep ${text}`);

/** Both say the same of what is there: text to the byte, JSON by its structure, ages but for the seconds. */
async function same(text: string): Promise<string> {
  const shown = tc(text);
  expect(await skep(`tc ${text}`)).toBe(shown);
  expect(JSON.parse(await skep(`-j tc ${text}`))).toEqual(JSON.parse(tc(`-j ${text}`)));
  const still = (output: string) => output.replace(/\d+ sec/g, 'N sec');
  expect(still(await skep(`-s tc ${text}`))).toBe(still(tc(`-s ${text}`)));
  return shown;
}

const lacking = (...kinds: readonly string[]) =>
  spawnSync('tc', ['-V']).error === undefined ? actionsMissing(kernel, kinds) : 'tc is not installed';
const missing = lacking('bpf', 'gact');
const noMirred = lacking('mirred');
afterAll(() => kernel[Symbol.dispose]());

describe('skep and tc of one kernel', () => {
  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(missing);
  });
  beforeAll(async () => {
    if (missing !== undefined) return;
    await skep('ip link add n0 type veth peer name n1');
    for (const device of ['n0', 'n1']) await skep(`ip link set ${device} up`);
    tc('qdisc add dev n0 clsact');
  });

  it('tc shows what skep made: an action of a bpf_elf_map object, bound late', async () => {
    await skep('tc actions add action bpf obj examples/shared/shared.bpf.o sec egress pass index 42 cookie 00ff');
    await skep('tc filter add dev n0 ingress bpf obj examples/shared/shared.bpf.o sec ingress');
    await skep(`tc filter add dev n0 egress bpf bytecode '${ALL}' action bpf index 42`);
    for (let i = 0; i < 3; i++) await skep(`net send n0 egress --hex ${FRAME}`);
    expect(await skep('map dump pinned /sys/fs/bpf/tc/globals/map_sh')).toContain('value: 03 00 00 00');
    expect(await same('actions list action bpf')).toMatch(/shared\.bpf\.o:\[egress\] id \d+ name count_egress tag/);
    await same('actions get action bpf index 42');
    expect(await same('filter show dev n0 egress')).toMatch(/\taction order 1: bpf shared\.bpf\.o:\[egress\] id/);
    await same('filter show dev n0 ingress');
    expect(await skep('-s tc actions list action bpf')).toContain('\tSent 180 bytes 3 pkt (dropped 0,');
  });

  it('skep shows what tc made, and binds to it', async () => {
    await skep('prog load examples/globals/template.bpf.o /sys/fs/bpf/act type action');
    tc('actions add action bpf object-pinned /sys/fs/bpf/act continue index 7 hw_stats disabled');
    tc(`actions add action bpf bytecode '${ALL}' jump 2 no_percpu`);
    tc('actions add action gact trap index 3');
    tc(`filter add dev n0 egress prio 5 bpf bytecode '${ALL}' flowid 1:7 action bpf index 7 action goto chain 4`);
    await skep(`tc filter add dev n0 egress prio 6 bpf bytecode '${ALL}' action bpf index 7 action trap`);
    tc(`filter add dev n0 egress prio 7 bpf bytecode '${ALL}' action gact drop random determ pass 10`);
    await same('actions list action bpf');
    await same('actions show action gact');
    await same('actions get action gact index 3');
    expect(await same('filter show dev n0 egress')).toContain('index 7 ref 3 bind 2');
    await same('filter show dev n0 egress prio 6');
  });

  it('each replaces and removes what the other made', async () => {
    tc(`actions replace action bpf bytecode '1,6 0 0 2' drop index 42`);
    await skep(`tc actions replace action bpf bytecode '1,6 0 0 0' index 7`);
    await same('actions list action bpf');
    tc('filter del dev n0 egress');
    // The kernel takes filters apart some time after it has answered.
    for (let tries = 0; tries < 100 && /bind [1-9]/.test(tc('actions list action bpf')); tries++);
    await skep('tc actions delete action bpf index 7');
    tc('actions delete action bpf index 42');
    await skep('tc actions flush action bpf');
    expect(await same('actions list action bpf')).toBe('');
  });

  it.each([
    ['actions add action bpf index 44'],
    [`actions add action bpf bytecode '${ALL}' goto chain 3`],
    ['actions get action bpf index 77'],
    ['actions delete action bpf index 77'],
    ['actions get action bpf'],
    ['actions add action nosuch'],
    ['actions add action'],
    ['actions add'],
    [`actions add action bpf bytecode '${ALL}' skip_sw`],
    [`filter add dev n0 egress bpf bytecode '${ALL}' action bpf index 77`],
    [`filter add dev n0 egress bpf bytecode '${ALL}' action`],
    [`filter add block 99 bpf bytecode '${ALL}'`],
    ['filter show block 99'],
    ['chain add block 99 chain 1'],
    ['chain del dev n0 egress chain 77'],
    ['qdisc add dev n1 egress_block 5 ingress'],
    ['qdisc add dev n1 ingress_block 0 clsact'],
  ])('both refuse: %s', async (text) => {
    const [theirs, ours] = [anyTc(text), await anySkep(`tc ${text}`)];
    expect([theirs.status, ours.status]).not.toContain(0);
    expect([theirs.stdout, ours.stdout]).toEqual(['', '']);
  });

  it('shared blocks and chains', async () => {
    await skep('tc qdisc replace dev n0 clsact');
    await skep('tc qdisc add dev n1 ingress_block 22 egress_block 23 clsact');
    expect(await skep('tc qdisc show dev n1')).toBe(
      tc('qdisc show dev n1')
        .split('\n')
        .filter((line) => !line.startsWith('qdisc noqueue'))
        .join('\n'),
    );
    await skep(`tc filter add block 22 bpf bytecode '${ALL}' action goto chain 9`);
    tc(`filter add block 22 chain 9 bpf bytecode '${ALL}' action bpf bytecode '1,6 0 0 2'`);
    expect(await same('filter show block 22')).toContain('action goto chain 9');
    await same('filter show dev n1 ingress');
    await skep('tc chain add block 22 chain 3');
    expect(await same('chain show block 22')).toBe('chain chain 0 \nchain chain 9 \nchain chain 3 \n');
    await same('chain show dev n1 ingress');
    tc('chain add dev n0 egress chain 8');
    await same('chain show dev n0 egress');
    await skep('tc chain delete dev n0 egress chain 8');
    tc('chain del block 22 chain 9');
    // Linux 6.1 lists one after a hidden one, which only actions have, twice.
    expect(await same('chain show block 22')).toContain('chain chain 0 \nchain chain 3 \n');
    tc('qdisc del dev n1 clsact');
  });

  it('a filter on a class of a queue, which tc made', async ({ skip }) => {
    const { status, stderr } = anyTc('qdisc add dev n1 root handle 1: prio');
    if (status !== 0) skip(`no qdisc prio: ${stderr.trim()}`);
    await skep('tc actions add action bpf obj examples/shared/shared.bpf.o sec egress pass index 42');
    await skep(`tc filter add dev n1 parent 1: bpf bytecode '${ALL}' flowid 1:2 action bpf index 42`);
    await skep(`net send n1 egress --hex ${FRAME}`);
    expect(await skep('-s tc actions list action bpf')).toMatch(/Sent \d+ bytes [1-9]\d* pkt/);
    expect(await same('filter show dev n1 parent 1:')).toContain('index 42 ref 2 bind 1');
    await same('filter show dev n1');
  });
});

describe('skep and tc of one kernel, about actions of kind mirred', () => {
  beforeEach(({ skip }) => {
    if (noMirred !== undefined) skip(noMirred);
  });
  beforeAll(async () => {
    if (noMirred !== undefined) return;
    await skep('ip link add m0 type veth peer name m1');
    for (const device of ['m0', 'm1']) await skep(`ip link set ${device} up`);
    tc('qdisc add dev m0 clsact');
  });

  it('show what the other made', async () => {
    await skep('tc actions add action mirred egress mirror dev m1 index 5 cookie aabb');
    await skep('tc actions add action mirred ingress redirect dev m0 index 6 action mirred ingress mirror dev m0 drop');
    tc('actions add action mirred egress redirect dev m1 index 7');
    await skep(`tc filter add dev m0 egress bpf bytecode '${ALL}' action mirred index 5`);
    tc(`filter add dev m0 egress bpf bytecode '${ALL}' action mirred egress mirror dev m1 continue`);
    await skep(`net send m0 egress --hex ${FRAME}`);
    expect(await same('actions list action mirred')).toContain('mirred (Ingress Redirect to device m0) stolen');
    await same('actions get action mirred index 5');
    expect(await same('filter show dev m0 egress')).toContain(
      '\taction order 1: mirred (Egress Mirror to device m1) pipe\n',
    );
    await skep('tc filter del dev m0 egress');
    await skep('ip link del m0');
    expect(await same('actions list action mirred')).toContain('(Egress Mirror to device *) pipe');
    await skep('tc actions flush action mirred');
    expect(await same('actions list action mirred')).toBe('');
  });

  it.each([
    ['actions add action mirred index 5'],
    ['actions add action mirred egress mirror dev nosuch'],
    ['actions add action mirred sideways mirror dev m1'],
    ['actions add action mirred egress mirror'],
    ['actions get action mirred index 77'],
  ])('both refuse tc %s', async (text) => {
    expect(anyTc(text).status).not.toBe(0);
    expect((await anySkep(`tc ${text}`)).status).not.toBe(0);
  });
});
