import { describe, expect, it } from 'vitest';
import { linuxWorks, loading, u32, withLinux } from '../../../test/support/linux.ts';
import { counting, returning, unreadable } from '../../../test/support/programs.ts';
import { mapTypeNumber } from '../../uapi/bpf.ts';
import { bpfMapInfo, bpfProgInfo } from '../../uapi/info.ts';
import { createLinuxKernel } from './index.ts';
import { possibleCpus } from './map-sizes.ts';

const works = linuxWorks();
const code = (name: string) => expect.objectContaining({ name: 'SysError', code: name });

describe.skipIf(!works)('maps of the running kernel', () => {
  it.each<[string, keyof typeof mapTypeNumber]>([
    ['small', 'hash'],
    ['indexed', 'array'],
  ])('%s elements go in and come out', (_name, type) =>
    withLinux((kernel, opened) => {
      const attr = { map_type: mapTypeNumber[type], key_size: 4, value_size: 200, max_entries: 3, map_name: 'm' };
      const map = kernel.bpf('BPF_MAP_CREATE', attr);
      opened.push(map);
      for (let i = 0; i < 3; i++) {
        kernel.bpf('BPF_MAP_UPDATE_ELEM', {
          map_fd: map,
          key: u32(i),
          value: new Uint8Array(200).fill(i + 1),
          flags: 0n,
        });
      }
      const value = new Uint8Array(200);
      kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: map, key: u32(2), value });
      expect(value).toEqual(new Uint8Array(200).fill(3));
      expect(() => kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: map, key: u32(9), value })).toThrow(code('ENOENT'));
      expect(() => kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: map, key: u32(9), value })).toThrow(code('E2BIG'));

      const keys: number[] = [];
      const next = new Uint8Array(4);
      kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd: map, next_key: next });
      for (;;) {
        keys.push(new DataView(next.buffer).getUint32(0, true));
        if (keys.length === 3) break;
        kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd: map, key: next.slice(), next_key: next });
      }
      expect(keys.sort()).toEqual([0, 1, 2]);
    }),
  );

  it('come and go in batches', () =>
    withLinux((kernel, opened) => {
      const map = kernel.bpf('BPF_MAP_CREATE', { map_type: 1, key_size: 4, value_size: 2, max_entries: 100 });
      opened.push(map);
      const update = { map_fd: map, count: 50, keys: new Uint8Array(200), values: new Uint8Array(100).fill(7) };
      for (let i = 0; i < 50; i++) update.keys.set(u32(i), 4 * i);
      kernel.bpf('BPF_MAP_UPDATE_BATCH', update);

      const cursor = new Uint8Array(4);
      const lookup = {
        map_fd: map,
        count: 100,
        out_batch: cursor,
        keys: new Uint8Array(400),
        values: new Uint8Array(200),
      };
      // The end of the map: ENOENT, with what was left before it.
      expect(() => kernel.bpf('BPF_MAP_LOOKUP_BATCH', lookup)).toThrow(code('ENOENT'));
      expect(lookup.count).toBe(50);
      expect(lookup.values.subarray(0, 100)).toEqual(update.values);
      expect([...new Uint32Array(lookup.keys.buffer, 0, 50)].sort((a, b) => a - b)).toEqual(
        Array.from({ length: 50 }, (_, i) => i),
      );

      const remove = { map_fd: map, count: 3, keys: Uint8Array.of(...u32(1), ...u32(99), ...u32(2)) };
      expect(() => kernel.bpf('BPF_MAP_DELETE_BATCH', remove)).toThrow(code('ENOENT'));
      expect(remove.count).toBe(1);
    }));

  it('have a slot for each possible CPU', () =>
    withLinux((kernel, opened) => {
      const map = kernel.bpf('BPF_MAP_CREATE', {
        map_type: mapTypeNumber.percpu_array,
        key_size: 4,
        value_size: 3,
        max_entries: 1,
      });
      opened.push(map);
      const value = Uint8Array.from({ length: 8 * possibleCpus() }, (_, i) => i);
      kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: map, key: u32(0), value });
      const found = new Uint8Array(value.length);
      kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: map, key: u32(0), value: found });
      // Linux < 7 keeps what is in the padding of a slot.
      const slots = (bytes: Uint8Array) => [...bytes].filter((_, i) => i % 8 < 3);
      expect(slots(found)).toEqual(slots(value));
      expect(() => kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: map, key: u32(0), value: found.subarray(1) })).toThrow(
        code('EFAULT'),
      );
    }));

  it('without keys take an empty key, or none', () =>
    withLinux((kernel, opened) => {
      const queue = kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber.queue, value_size: 4, max_entries: 2 });
      opened.push(queue);
      kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: queue, value: u32(1) });
      kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: queue, key: new Uint8Array(0), value: u32(2) });
      const value = new Uint8Array(4);
      kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd: queue, value });
      expect(value).toEqual(u32(1));
      expect(() => kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: queue, key: u32(0), value })).toThrow(code('EINVAL'));
    }));

  it('are frozen', () =>
    withLinux((kernel, opened) => {
      const map = kernel.bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
      opened.push(map);
      kernel.bpf('BPF_MAP_FREEZE', { map_fd: map });
      expect(() => kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: map, key: u32(0), value: u32(1) })).toThrow(
        code('EPERM'),
      );
      // EBUSY on Linux 5.10.
      expect(() => kernel.bpf('BPF_MAP_FREEZE', { map_fd: map })).toThrow(/BPF_MAP_FREEZE/);
    }));

  it('that get the number of a closed one have sizes of their own', () =>
    withLinux((kernel, opened) => {
      const small = kernel.bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
      kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: small, key: u32(0), value: new Uint8Array(4) });
      using other = createLinuxKernel();
      other.close(small);
      const large = other.bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: 400, max_entries: 1 });
      opened.push(large);
      expect(large).toBe(small);
      expect(() => kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: large, key: u32(0), value: new Uint8Array(4) })).toThrow(
        code('EFAULT'),
      );
    }));
});

describe.skipIf(!works)('programs of the running kernel', () => {
  it('that are refused leave the log', () =>
    withLinux((kernel) => {
      const attr = loading(unreadable(), {
        log_level: 1,
        log_size: 4096,
        log_buf: new Uint8Array(4096),
        log_true_size: 0,
      });
      expect(() => kernel.bpf('BPF_PROG_LOAD', attr)).toThrow(code('EACCES'));
      const log = new TextDecoder().decode(attr.log_buf);
      expect(log).toContain('R5 !read_ok');
      // Linux < 6.4 does not say.
      expect([0, log.indexOf('\0') + 1]).toContain(attr.log_true_size);
    }));

  it('take a log of 16 MiB', () =>
    withLinux((kernel, opened) => {
      const log_buf = new Uint8Array(1 << 24);
      opened.push(
        kernel.bpf('BPF_PROG_LOAD', loading(returning(0), { log_level: 1, log_size: log_buf.length, log_buf })),
      );
      expect(new TextDecoder().decode(log_buf.subarray(0, 10))).toBe('processed ');
    }));

  it('run, count, and tell their maps', () =>
    withLinux((kernel, opened) => {
      const map = kernel.bpf('BPF_MAP_CREATE', { map_type: 2, key_size: 4, value_size: 8, max_entries: 1 });
      const program = kernel.bpf('BPF_PROG_LOAD', loading(counting(map, 2), { prog_name: 'counter' }));
      opened.push(map, program);
      const packet = Uint8Array.from({ length: 64 }, (_, i) => i);
      const run = {
        prog_fd: program,
        data_in: packet,
        data_size_in: 64,
        data_out: new Uint8Array(100),
        data_size_out: 100,
        repeat: 5,
        retval: 0,
      };
      kernel.bpf('BPF_PROG_TEST_RUN', run);
      expect(run).toMatchObject({ retval: 2, data_size_out: 64 });
      expect(run.data_out.subarray(0, 64)).toEqual(packet);
      const value = new Uint8Array(8);
      kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: map, key: u32(0), value });
      expect(value[0]).toBe(5);

      const mapInfo = { bpf_fd: map, info_len: 104, info: new Uint8Array(104) };
      kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', mapInfo);
      const first = { bpf_fd: program, info_len: 232, info: new Uint8Array(232) };
      kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', first);
      const { nr_map_ids, xlated_prog_len, name } = bpfProgInfo.decode(first.info);
      expect([nr_map_ids, name]).toEqual([1, 'counter']);
      // What the struct is on Linux 5.10, and on 6.18.
      expect(first.info_len).toBeGreaterThanOrEqual(208);
      expect(first.info_len).toBeLessThanOrEqual(232);
      const arrays = { map_ids: new Uint8Array(4), xlated_prog_insns: new Uint8Array(xlated_prog_len) };
      const second = {
        bpf_fd: program,
        info_len: 232,
        info: bpfProgInfo.encode({ nr_map_ids, xlated_prog_len }),
        arrays,
      };
      kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', second);
      expect(arrays.map_ids).toEqual(u32(bpfMapInfo.decode(mapInfo.info).id));
      expect(arrays.xlated_prog_insns.subarray(-8)).toEqual(Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0));
      // No address of this process comes back.
      expect(bpfProgInfo.decode(second.info)).toMatchObject({ map_ids: 0n, xlated_prog_insns: 0n });
    }));

  it('whose packet is longer than the room say how long it is', () =>
    withLinux((kernel, opened) => {
      const program = kernel.bpf('BPF_PROG_LOAD', loading(returning(0)));
      opened.push(program);
      const guarded = new Uint8Array(64).fill(0xee);
      const run = {
        prog_fd: program,
        data_in: new Uint8Array(64),
        data_size_in: 64,
        data_out: guarded.subarray(0, 10),
        data_size_out: 10,
      };
      expect(() => kernel.bpf('BPF_PROG_TEST_RUN', run)).toThrow(code('ENOSPC'));
      expect(run.data_size_out).toBe(64);
      expect(guarded.subarray(10)).toEqual(new Uint8Array(54).fill(0xee));
    }));

  it('are found by id', () =>
    withLinux((kernel, opened) => {
      const program = kernel.bpf('BPF_PROG_LOAD', loading(returning(0)));
      opened.push(program);
      const info = { bpf_fd: program, info_len: 232, info: new Uint8Array(232) };
      kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', info);
      const { id } = bpfProgInfo.decode(info.info);
      const next = { start_id: id - 1, next_id: 0 };
      kernel.bpf('BPF_PROG_GET_NEXT_ID', next);
      expect(next.next_id).toBe(id);
      opened.push(kernel.bpf('BPF_PROG_GET_FD_BY_ID', { prog_id: id }));
      expect(() => kernel.bpf('BPF_PROG_GET_NEXT_ID', { start_id: 0x7ffffffe })).toThrow(code('ENOENT'));
    }));
});
