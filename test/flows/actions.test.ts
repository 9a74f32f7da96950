import { expect } from 'vitest';
import type { CommandKernel } from '../support/kernels.ts';
import { type Flow, flow, frame } from './flow.ts';

const SHARED = 'examples/shared/shared.bpf.o';
const ALL = '1,6 0 0 4294967295,';

/** Only kernels with act_bpf and act_gact, which many distributions have as modules, can do it. */
function actionsMissing(kernel: CommandKernel): string | undefined {
  for (const action of [['bpf', 'bytecode', ALL], ['drop']]) {
    const { stderr } = kernel.skep('tc', 'actions', 'add', 'action', ...action, 'index', '1');
    if (stderr.includes('Failed to load TC action module')) return `no act_${action.length > 1 ? 'bpf' : 'gact'}`;
  }
  for (const kind of ['bpf', 'gact']) kernel.ok('tc', 'actions', 'flush', 'action', kind);
  return undefined;
}

/** Words as on a command line; those in quotes stay together. */
function line({ run }: Flow, text: string): string {
  return run(...(text.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'(.*)'$/, '$1')));
}
function refused({ fails }: Flow, text: string, status = 1): string {
  return fails(status, ...(text.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'(.*)'$/, '$1')));
}

function devices(f: Flow): void {
  for (const pair of ['a', 'b']) {
    line(f, `ip link add ${pair}0 type veth peer name ${pair}1`);
    line(f, `ip link set ${pair}0 up`);
    line(f, `ip link set ${pair}1 up`);
  }
}

/** On Linux filters let go of their actions some time after the command that removed them has ended. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 300));
}

flow(
  'a classifier and an action share a map, the action bound late',
  async (f) => {
    devices(f);
    line(f, 'tc qdisc add dev a0 clsact');
    line(f, `tc actions add action bpf obj ${SHARED} sec egress pass index 42`);
    line(f, `tc filter add dev a0 ingress bpf da obj ${SHARED} sec ingress`);
    line(f, `tc filter add dev a0 egress bpf bytecode '${ALL}' action bpf index 42`);
    line(f, 'tc actions list action bpf');
    line(f, 'tc filter show dev a0 egress');
    for (let i = 0; i < 3; i++) line(f, `net send a0 egress --hex ${frame()}`);
    expect(line(f, 'map dump pinned /sys/fs/bpf/tc/globals/map_sh')).toContain('value: 03 00 00 00');
    const [, { actions }] = JSON.parse(f.ask('-s', '-j', 'tc', 'actions', 'get', 'action', 'bpf', 'index', '42'));
    expect(actions[0].stats).toMatchObject({ packets: 3, bytes: 3 * 64, drops: 0 });
    const maps = new Set(
      ['ingress', 'egress'].flatMap((hook) => {
        const filters = JSON.parse(f.ask('-j', 'tc', 'filter', 'show', 'dev', 'a0', hook));
        const { options } = filters.at(-1);
        const { id } = options.prog ?? options.actions[0].prog;
        return JSON.parse(f.ask('-j', 'prog', 'show', 'id', String(id))).map_ids;
      }),
    );
    expect(maps.size).toBe(1);

    // The action counts on with another program, whatever filter is bound to it.
    line(f, `tc actions replace action bpf bytecode '1,6 0 0 2,' index 42`);
    line(f, `net send a0 egress --hex ${frame()}`);
    expect(line(f, 'map dump pinned /sys/fs/bpf/tc/globals/map_sh')).toContain('value: 03 00 00 00');
    expect(refused(f, 'tc actions delete action bpf index 42')).toContain('Failed to delete TC action');
    refused(f, 'tc actions flush action bpf');
    line(f, 'tc filter del dev a0 egress');
    await settled();
    line(f, 'tc actions delete action bpf index 42');
    expect(line(f, 'tc actions')).toBe('');
  },
  actionsMissing,
);

flow(
  'the words and the lines of actions',
  async (f) => {
    devices(f);
    line(f, 'tc qdisc add dev a0 clsact');
    line(f, `tc actions add action bpf bytecode '${ALL}' jump 2 index 9 cookie 00ff hw_stats disabled no_percpu`);
    line(f, `tc actions add action bpf bc '1,6 0 0 0' action bpf run bytecode '1,6 0 0 1' trap`);
    line(f, 'tc a add action drop index 3 action gact p index 4');
    line(f, 'tc actions list action bpf');
    line(f, '-p tc actions list action bpf');
    line(f, 'tc actions ls action gact');
    line(f, '-j tc actions get action gact index 3 action bpf index 9');
    line(f, 'tc actions change action continue index 3');
    line(f, 'tc actions get action gact i 3');
    expect(refused(f, `tc actions add action bpf bytecode '${ALL}' index 9`)).toContain('File exists');
    expect(refused(f, 'tc actions get action bpf index 77')).toContain('not found');
    expect(refused(f, `tc actions add action bpf bytecode '${ALL}' goto chain 5`)).toContain("can't goto NULL");
    expect(refused(f, `tc filter add dev a0 egress bpf bytecode '${ALL}' action bpf index 77`)).toContain(
      'no action bpf of index 77',
    );
    line(
      f,
      `tc filter add dev a0 egress bpf bytecode '${ALL}' flowid 1:1 action bpf bytecode '1,6 0 0 3' index 5 action bpf index 9 action drop`,
    );
    line(f, 'tc filter show dev a0 egress');
    line(f, '-j tc filter show dev a0 egress');
    line(f, 'tc filter get dev a0 egress prio 49152 protocol all handle 1 bpf');
    const left = f.kernel.skep('tc', 'actions', 'flush', 'action', 'bpf');
    expect([left.status, left.stderr]).toEqual([
      0,
      'warning: 2 of them stay: a filter is bound to the first of these\n',
    ]);
    line(f, 'tc filter del dev a0 egress prio 49152');

    line(f, `tc filter add dev a0 ingress bpf bytecode '${ALL}' action goto chain 5`);
    line(f, `tc filter add dev a0 ingress chain 5 bpf da obj ${SHARED} sec egress`);
    line(f, `net send a0 ingress --hex ${frame()}`);
    expect(line(f, 'map dump pinned /sys/fs/bpf/tc/globals/map_sh')).toContain('value: 01 00 00 00');
    line(f, 'tc filter show dev a0 ingress');
    await settled();
    line(f, 'tc actions list action bpf');
    line(f, 'tc actions flush action bpf');
    expect(line(f, 'tc actions list action bpf')).toBe('');
  },
  actionsMissing,
);

flow('chains, and filters that devices share', (f) => {
  devices(f);
  line(f, 'tc qdisc add dev a0 ingress_block 22 clsact');
  line(f, 'tc qdisc add dev b0 ingress_block 22 egress_block 23 clsact');
  line(f, 'tc qdisc show');
  line(f, '-j tc qdisc show dev b0');
  line(f, `tc filter add block 22 bpf da obj ${SHARED} sec egress`);
  line(f, `tc filter add block 22 chain 5 bpf bytecode '${ALL}'`);
  line(f, 'tc chain show block 22');
  line(f, '-j tc chain show dev a0 ingress');
  line(f, 'tc filter show block 22');
  line(f, 'tc filter show dev b0 ingress');
  expect(refused(f, 'tc filter del dev b0 ingress', 6)).toContain('This filter block is shared');
  for (const device of ['a0', 'b0']) line(f, `net send ${device} ingress --hex ${frame()}`);
  expect(line(f, 'map dump pinned /sys/fs/bpf/tc/globals/map_sh')).toContain('value: 02 00 00 00');
  line(f, 'tc chain add block 23 chain 7');
  line(f, 'tc chain get block 23 chain 7');
  refused(f, 'tc chain add block 23 chain 7');
  line(f, 'tc chain delete block 22 chain 5');
  line(f, 'tc filter show block 22');
  line(f, 'tc chain add dev a0 egress chain 3');
  line(f, 'tc chain show dev a0 egress');
  expect(refused(f, 'tc chain del dev a0 egress chain 4')).toContain('Cannot find specified filter chain');
  expect(refused(f, 'tc filter show block 99')).toContain('no qdisc has a block of this number');
  refused(f, `tc filter add block 99 bpf bytecode '${ALL}'`);
  line(f, 'tc qdisc del dev a0 clsact');
  line(f, 'tc filter show block 22');
  line(f, 'tc qdisc del dev b0 clsact');
  refused(f, 'tc chain show block 22');
});
