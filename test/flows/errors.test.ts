import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { objectBytes } from '../support/objects.ts';
import { flow } from './flow.ts';

flow('what goes wrong says what, where and why, and leaves nothing behind', (f) => {
  const work = mkdtempSync(join(tmpdir(), 'skep-errors-'));
  try {
    f.run('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1');
    f.run('tc', 'qdisc', 'add', 'dev', 'a0', 'clsact');
    const before = f.ask('fs', 'tree', '/sys/fs/bpf');
    const add = ['tc', 'filter', 'add', 'dev', 'a0', 'ingress', 'bpf', 'da', 'obj'];
    const shared = 'examples/shared/shared.bpf.o';

    // Files
    writeFileSync(join(work, 'cut.o'), objectBytes(shared).subarray(0, 1000));
    writeFileSync(join(work, 'text.o'), 'int main;');
    expect(f.kernel.skep(...add, join(work, 'cut.o')).stderr).toMatch(
      /^Error: .*cut\.o, offset 0x[0-9a-f]+: the file has no room for its 16 section headers/,
    );
    expect(f.kernel.skep(...add, join(work, 'text.o')).stderr).toMatch(
      /^Error: .*text\.o, offset 0x0: this is no ELF file/,
    );
    expect(f.kernel.skep(...add, join(work, 'text.o')).status).toBe(3);
    expect(f.fails(2, ...add, 'nosuch.o')).toContain('cannot read nosuch.o: no such file or directory');

    // Words
    expect(f.fails(3, ...add, shared)).toContain(
      'there is no section classifier with a program; it has count_egress (section egress), print_ingress (section ingress)',
    );
    expect(f.fails(2, 'tc', 'filter', 'add', 'dev', 'a0', 'bpf', 'da', 'obj', shared)).toContain(
      "'ingress', 'egress' or 'parent MAJ:MIN' is missing",
    );
    expect(
      f.fails(1, 'tc', 'filter', 'add', 'dev', 'nosuch', 'ingress', 'bpf', 'da', 'obj', shared, 'sec', 'ingress'),
    ).toContain('No such device');
    f.fails(2, 'tc', 'filter', 'add', 'dev', 'a0', 'ingress', 'bpf', 'da', 'nonsense');
    expect(f.fails(2, 'map', 'frobnicate')).toContain('did you mean');
    expect(f.fails(2, 'map', 'show', 'id', 'twelve')).toContain("the id of the map: 'twelve' is no number");
    expect(f.fails(2, 'fs', 'tree', '/sys/fs/bpf', 'more')).toContain("what is 'more'?");
    expect(f.fails(2, '--bogus')).toContain("unrecognized option '--bogus'");

    // A qdisc that is not there, and one that is
    f.run('ip', 'link', 'add', 'b0', 'type', 'veth', 'peer', 'name', 'b1');
    expect(
      f.fails(1, 'tc', 'filter', 'add', 'dev', 'b0', 'ingress', 'bpf', 'da', 'obj', shared, 'sec', 'ingress'),
    ).toContain("Parent Qdisc doesn't exists");
    expect(f.fails(1, 'tc', 'qdisc', 'add', 'dev', 'a0', 'clsact')).toContain('Exclusivity flag on, cannot modify');
    expect(f.ask('fs', 'tree', '/sys/fs/bpf')).toBe(before);

    // Pins
    expect(f.fails(2, 'prog', 'load', 'examples/cgroup/cg.bpf.o', '/tmp/nowhere')).toContain(
      'is not on a BPF file system',
    );
    expect(f.fails(2, 'prog', 'load', 'examples/cgroup/cg.bpf.o', '/sys/fs/bpf/a.b')).toContain(
      'bpffs does not allow a dot in a name',
    );
    expect(f.fails(2, 'prog', 'load', 'examples/cgroup/cg.bpf.o', 'relative')).toContain('the path must be absolute');
    expect(f.fails(1, 'map', 'show', 'pinned', '/sys/fs/bpf/nosuch')).toContain('No such file or directory');
    f.run('prog', 'load', 'examples/cgroup/cg.bpf.o', '/sys/fs/bpf/cg');
    expect(f.fails(1, 'prog', 'load', 'examples/cgroup/cg.bpf.o', '/sys/fs/bpf/cg')).toContain('it exists already');
    expect(f.fails(2, 'map', 'show', 'pinned', '/sys/fs/bpf/cg')).toContain('is a program, not a map');

    // Maps of the wrong shape, in the wrong place, or not there
    f.run(
      'map',
      'create',
      '/sys/fs/bpf/tc/globals/map_sh',
      'type',
      'hash',
      'key',
      '4',
      'value',
      '8',
      'entries',
      '1',
      'name',
      'map_sh',
    );
    expect(f.fails(5, ...add, shared, 'sec', 'ingress')).toContain(
      'type is hash, wanted array; value_size is 8, wanted 4',
    );
    expect(f.run('plan', shared)).toContain('refused');
    expect(
      f.fails(
        2,
        'prog',
        'load',
        'examples/cgroup/cg.bpf.o',
        '/sys/fs/bpf/x',
        'map',
        'name',
        'nosuch',
        'pinned',
        '/sys/fs/bpf/tc/globals/map_sh',
      ),
    ).toContain('has no map nosuch (option reuse); it has shared');
    expect(f.fails(2, 'map', 'lookup', 'pinned', '/sys/fs/bpf/tc/globals/map_sh', 'key', '1', '2')).toContain(
      'key: byte 3 of 4 is missing',
    );
    expect(
      f.fails(2, 'map', 'update', 'pinned', '/sys/fs/bpf/tc/globals/map_sh', 'key', '1', '2', '3', '256', 'value', '0'),
    ).toContain("'256' is no byte");
    const miss = ['map', 'lookup', 'pinned', '/sys/fs/bpf/tc/globals/map_sh', 'key', '1', '0', '0', '0'];
    expect(f.kernel.skep(...miss)).toEqual({ status: 1, stdout: 'key:\n01 00 00 00\n\nNot found\n', stderr: '' });
    expect(f.kernel.skep('-j', ...miss)).toEqual({ status: 1, stdout: 'null\n', stderr: '' });

    // After all that: the filters are none, and the pins are those that succeeded.
    expect(f.run('tc', 'filter', 'show', 'dev', 'a0', 'ingress')).toBe('');
    f.run('fs', 'tree', '/sys/fs/bpf');
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
