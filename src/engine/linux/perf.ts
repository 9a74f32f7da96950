import { SysError } from '../../errors.ts';
import { errno } from '../../uapi/errno.ts';
import { PERF_ATTR_SIZE, PERF_EVENT_ATTR, type PerfEventAttr } from '../../uapi/perf.ts';
import { cStringBytes } from './attr.ts';
import { align8, type Memory } from './memory.ts';

const SYSCALL = 'perf_event_open';

/**
 * Offset of a `struct perf_event_attr` in the memory. Throws SysError EINVAL for a field that there is not, or two that share bytes: a name and a
 * number at one place would make an address of the number.
 */
export function layOutPerfEvent(memory: Memory, attr: PerfEventAttr): number {
  const rows: Readonly<Record<string, readonly [string, number]>> = PERF_EVENT_ATTR;
  const given = Object.entries(attr).filter(([, value]) => value !== undefined);
  const taken = new Set<number>();
  const fields = given.map(([name, value]) => {
    const row = Object.hasOwn(rows, name) && name !== 'size' ? rows[name] : undefined;
    if (row === undefined) throw wrong(`there is no field ${name.slice(0, 64)}`);
    if (taken.has(row[1])) throw wrong(`${name} is given, and another name of the same bytes`);
    taken.add(row[1]);
    return { name, value, kind: row[0], offset: row[1] };
  });
  const texts = new Map(
    fields.flatMap(({ name, kind, value }) => (kind === 'path' ? [[name, cStringBytes(SYSCALL, name, value)]] : [])),
  );
  memory.reset([...texts.values()].reduce((sum, text) => sum + align8(text.length), align8(PERF_ATTR_SIZE)));
  const at = memory.take(PERF_ATTR_SIZE);
  memory.bytes.fill(0, at, at + PERF_ATTR_SIZE);
  memory.view.setUint32(at + PERF_EVENT_ATTR.size[1], PERF_ATTR_SIZE, true);
  for (const { name, value, kind, offset } of fields) {
    const text = texts.get(name);
    if (text !== undefined) memory.setAddress(at + offset, memory.put(text));
    else if (kind === 'u64' && typeof value === 'bigint') memory.view.setBigUint64(at + offset, value, true);
    else if (kind === 'u32' && typeof value === 'number' && value >>> 0 === value)
      memory.view.setUint32(at + offset, value, true);
    else throw wrong(`${name} has to be ${kind === 'u64' ? 'a bigint' : 'a whole number of 32 bits'}`);
  }
  return at;
}

function wrong(detail: string): SysError {
  return new SysError(errno.EINVAL, SYSCALL, { detail });
}
