import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createLinuxKernel, probeLinux } from '../../src/engine/linux/index.ts';
import { NotSupportedError } from '../../src/errors.ts';
import { ids, orUndefined } from '../../src/loader/calls.ts';
import { cgroupsMount } from '../../src/loader/cgroups.ts';
import { listLinks, listMaps, listPrograms } from '../../src/loader/index.ts';
import { btfInfo, withBtf } from '../../src/loader/info.ts';
import type { Kernel } from '../../src/sys/kernel.ts';

/** What may stay of a run, as `KIND ID`, with what else is known of it. */
type Things = ReadonlyMap<string, string>;

/**
 * Linux never frees some of these: when the last user of a prog array that a program still holds goes, and then again the one who had opened it by id, before
 * work that was put off has run, prog_array_map_clear has taken two references and gives back one. 125 of 300 stayed under 6.12 when each was opened by id and closed
 * right after its first fd was; without that none did.
 */
const LOST_BY_LINUX = 'prog_array';

/** In the environment of every process of this run, by which those that stay are known. */
const MARK = 'SKEP_TEST_RUN';
/** Longer than any other test run on the machine leaves its objects with nobody but the kernel: what they hold with an fd does not count anyway. */
const GRACE_MS = 60_000;

/**
 * Takes note of what the machine has now; the function that it returns gives what was made since and stays.
 *
 * Whose it is, the kernel does not say, and others use it too. So an object counts as left behind by this run if it was not there before, no living process
 * holds it by an fd, or through a program or link that it holds, and it is still there after {@link GRACE_MS}. Processes are told by a variable of their environment, and
 * with them go the namespaces that they live in; pins count in the bpffs of the machine, cgroups by their name.
 */
export function watchLeftovers(): () => Promise<string[]> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !probeLinux().ok) return async () => [];
  process.env[MARK] = randomUUID();
  const before = present();
  return async () => {
    const end = Date.now() + GRACE_MS;
    let left = [...present()].filter(([key]) => !before.has(key));
    for (;;) {
      const held = left.length === 0 ? new Set<string>() : heldByProcesses();
      const now = present();
      left = left.filter(([key]) => now.has(key) && !held.has(key));
      if (left.length === 0 || Date.now() > end) return left.map(([key, what]) => `${key} ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  };
}

function present(): Things {
  using kernel = createLinuxKernel();
  const things = new Map<string, string>();
  const lost = new Set<number | undefined>();
  for (const map of listMaps(kernel)) {
    if (map.type === LOST_BY_LINUX) lost.add(map.btfId);
    else things.set(`map ${map.id}`, `${map.type} ${map.name}`);
  }
  for (const program of listPrograms(kernel)) things.set(`program ${program.id}`, `${program.type} ${program.name}`);
  for (const link of linksOf(kernel)) things.set(`link ${link.id}`, String(link.type));
  for (const id of ids(kernel, 'BPF_BTF_GET_NEXT_ID')) {
    const info = orUndefined('ENOENT', () => withBtf(kernel, id, (fd) => btfInfo(kernel, fd)));
    if (info !== undefined && !info.kernel && !lost.has(info.id)) things.set(`btf ${id}`, `${info.size} bytes`);
  }
  for (const path of names('/run/netns')) things.set(`namespace ${path}`, '');
  for (const path of names('/sys/fs/bpf', true)) things.set(`pin ${path}`, '');
  const cgroups = cgroupsMount(kernel);
  for (const path of cgroups === undefined ? [] : names(cgroups).filter((name) => name.startsWith('skep')))
    things.set(`cgroup ${path}`, '');
  for (const [pid, command] of ourProcesses()) things.set(`process ${pid}`, command);
  return things;
}

function linksOf(kernel: Kernel) {
  try {
    return [...listLinks(kernel)];
  } catch (error) {
    if (error instanceof NotSupportedError) return [];
    throw error;
  }
}

/** Those of this run but for the run itself, whose environment was set after its start. */
function ourProcesses(): [pid: string, command: string][] {
  const mark = `${MARK}=${process.env[MARK]}`;
  return names('/proc')
    .filter((pid) => /^\d+$/.test(pid) && text(`/proc/${pid}/environ`).includes(mark))
    .map((pid) => [pid, text(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 100)]);
}

/** The objects that processes other than this run's have fds of, and what hangs on those. */
function heldByProcesses(): Set<string> {
  const held = new Set<string>();
  const ours = new Set(ourProcesses().map(([pid]) => pid));
  for (const pid of names('/proc').filter((name) => /^\d+$/.test(name) && !ours.has(name))) {
    for (const fd of names(`/proc/${pid}/fdinfo`)) {
      for (const [, kind = '', id] of text(`/proc/${pid}/fdinfo/${fd}`).matchAll(/^(map|prog|link|btf)_id:\s*(\d+)$/gm))
        held.add(`${kind === 'prog' ? 'program' : kind} ${id}`);
    }
  }
  using kernel = createLinuxKernel();
  for (const link of linksOf(kernel)) if (held.has(`link ${link.id}`)) held.add(`program ${link.progId}`);
  for (const program of listPrograms(kernel)) {
    if (!held.has(`program ${program.id}`)) continue;
    for (const id of program.mapIds) held.add(`map ${id}`);
    held.add(`btf ${program.btfId}`);
  }
  for (const map of listMaps(kernel)) if (held.has(`map ${map.id}`)) held.add(`btf ${map.btfId}`);
  return held;
}

function names(directory: string, recursive = false): string[] {
  try {
    return readdirSync(directory, { recursive, encoding: 'utf8' });
  } catch {
    return []; // it is not there, or no longer
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // as above
  }
}
