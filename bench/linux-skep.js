/** This library's side of linux.js, as a user would write it. Works on dist/. */
import { readFileSync } from 'node:fs';
import { createLinuxKernel } from '../dist/engine/linux/index.js';
import {
  BpfProgram,
  deleteFilter,
  load,
  openMap,
  openObject,
  openRingBuffer,
  setFilter,
  setQdisc,
} from '../dist/index.js';
import { addDevice } from '../dist/loader/devices.js';

const KEYS = 1000;
const ENTRIES = 1_000_000;
const HASH = 1;
const SCHED_CLS = 3;
/** r0 = 0; exit */
const NOTHING = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

/** What is measured, by its name in linux.js: does it `count` times and returns the nanoseconds of processor time that it took. */
export function setUp(object, device) {
  const kernel = createLinuxKernel();
  addDevice(kernel, { kind: 'veth', name: device, peer: `${device}p` });
  setQdisc(kernel, device);
  const keys = Array.from({ length: KEYS }, (_, n) => new Uint8Array(new Uint32Array([n]).buffer));
  const value = new Uint8Array(8);
  const [small, large] = [KEYS, ENTRIES].map((entries) => hash(kernel, entries));
  const events = load(kernel, openObject(readFileSync(object), { file: object }));
  const ring = openRingBuffer(events.map('events'));
  const writer = events.program('write_event');
  /** So that nothing is left out as unused. */
  let seen = 0;
  const attr = { prog_type: SCHED_CLS, insns: NOTHING, insn_cnt: 2, license: 'GPL', prog_name: 'bench' };

  return {
    seen: () => seen,
    lookup: timed((count) => {
      for (let i = 0; i < count; i++) seen += small.getBytes(keys[i % KEYS])[0];
    }),
    update: timed((count) => {
      for (let i = 0; i < count; i++) small.setBytes(keys[i % KEYS], value);
    }),
    dump: timed((count) => {
      let entries = 0;
      for (const [key, bytes] of large.entriesBytes()) {
        seen += key[0] + bytes[0];
        entries++;
      }
      if (entries !== count) throw new Error(`${entries} entries`);
    }),
    ring(count) {
      writer.run({ data: new Uint8Array(64), repeat: count });
      return timed(() => {
        const read = ring.consume((record) => {
          seen += record.length + record[0];
        });
        if (read !== (count / 10) * 9) throw new Error(`${read} events`);
      })();
    },
    attach: timed((count) => {
      const program = new BpfProgram(kernel, kernel.bpf('BPF_PROG_LOAD', attr));
      const place = { device, parent: 'ingress', handle: 1, priority: 1 };
      for (let i = 0; i < count; i++) {
        setFilter(kernel, place, program, { directAction: true });
        deleteFilter(kernel, place);
      }
    }),
    load: timed((count) => {
      for (let i = 0; i < count; i++) kernel.close(kernel.bpf('BPF_PROG_LOAD', attr));
    }),
  };
}

function timed(work) {
  return (count) => {
    const from = process.cpuUsage();
    work(count);
    const { user, system } = process.cpuUsage(from);
    return 1000 * (user + system);
  };
}

function hash(kernel, max_entries) {
  const fd = kernel.bpf('BPF_MAP_CREATE', {
    map_type: HASH,
    key_size: 4,
    value_size: 8,
    max_entries,
    map_name: 'bench',
  });
  const map = openMap(kernel, { fd });
  const key = new Uint32Array(1);
  const value = new BigUint64Array(1);
  for (let n = 0; n < max_entries; n++) {
    key[0] = n;
    value[0] = BigInt(n);
    map.setBytes(new Uint8Array(key.buffer), new Uint8Array(value.buffer));
  }
  return map;
}
