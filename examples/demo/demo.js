// The main job on the embedded kernel, step by step: two programs from one object file, loaded one after the other, share one map.
// Run it with `npm run demo`. It needs no root, no Linux and no compiler.
import { readFileSync } from 'node:fs';
import {
  addDevice,
  findProgram,
  load,
  openMap,
  openObject,
  planLoad,
  setDeviceUp,
  setFilter,
  setQdisc,
  TraceLog,
} from 'skep';
import { createEmbeddedKernel } from 'skep/embedded';

const say = (line = '') => console.log(line);
const step = (title) => say(`\n\x1b[1m${title}\x1b[0m`);

const { kernel, lab } = createEmbeddedKernel();
const trace = new TraceLog(kernel);

/** What a command like `tc filter add … obj FILE sec SECTION` does: load, attach, and forget the file descriptors. */
function tcFilterAdd(hook, file, section) {
  const object = openObject(readFileSync(file), { file });
  const program = findProgram(object.spec, { section });
  const loaded = load(kernel, object, { programs: [program], type: 'sched_cls', internalMaps: 'referenced' });
  setFilter(kernel, { device: 'veth0', parent: hook }, loaded.program(program), { directAction: true });
  const [map] = Object.values(loaded.maps);
  say(`  ${section.padEnd(7)} program ${loaded.program(program).id}, its map has id ${map.id}`);
  loaded.close(); // the filter keeps the program, the program its map
  return map.id;
}

/** A UDP packet of 60 bytes in an Ethernet frame. */
const frame = new Uint8Array(60);
frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45]);

function run(name) {
  const file = new URL(`../shared/${name}.bpf.o`, import.meta.url).pathname;
  const ids = [tcFilterAdd('egress', file, 'egress'), tcFilterAdd('ingress', file, 'ingress')];
  for (let i = 0; i < 4; i++) lab.send('veth0', 'egress', frame);
  say('  four packets out: egress counts each of them');
  lab.send('veth0', 'ingress', frame);
  const [line] = trace.lines();
  say(`  one packet in:    ingress prints "${line.replace(/^.*bpf_trace_printk: /, '')}"`);
  say(`  => ${new Set(ids).size === 1 ? 'one map, shared' : 'two maps: ingress never sees what egress counts'}`);
}

say('A network device, with hooks for programs on both ways:');
addDevice(kernel, { kind: 'veth', name: 'veth0', peer: 'veth1' });
for (const device of ['veth0', 'veth1']) setDeviceUp(kernel, device, true);
setQdisc(kernel, 'veth0');
say('  veth0 (other end: veth1), clsact');

step('1. The map is declared with PIN_NONE');
run('shared_none');
setQdisc(kernel, 'veth0', 'clsact', 'replace');

step('2. The same source with PIN_GLOBAL_NS');
const file = new URL('../shared/shared.bpf.o', import.meta.url).pathname;
const [plan] = planLoad(kernel, [openObject(readFileSync(file), { file }).spec]);
say(`  before loading, the plan says: ${plan.map} is ${plan.fate.kind}, to be pinned at ${plan.path}`);
run('shared');

step('3. The loaders are gone, the pin is not');
const map = openMap(kernel, { pinned: '/sys/fs/bpf/tc/globals/map_sh' });
for (const [key, value] of map.entriesBytes()) {
  say(
    `  ${map.name}[${new Uint32Array(key.buffer)[0]}] = ${new Uint32Array(value.buffer)[0]}, read through /sys/fs/bpf/tc/globals/map_sh`,
  );
}

say(`
The same with commands, each a process of its own, on a kernel that lives in the background:

  npx skep ip link add veth0 type veth peer name veth1
  npx skep tc qdisc add dev veth0 clsact
  npx skep tc filter add dev veth0 egress  bpf da obj examples/shared/shared.bpf.o sec egress
  npx skep tc filter add dev veth0 ingress bpf da obj examples/shared/shared.bpf.o sec ingress
  npx skep fs tree
  npx skep map show
  npx skep serve --stop

Add \`--kernel linux\` (as root) and it is the running kernel instead.`);
