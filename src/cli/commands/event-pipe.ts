import { UsageError } from '../../errors.ts';
import type { BpfMap } from '../../loader/map.ts';
import { openPerfBuffer, type PerfLoss, type PerfSample } from '../../loader/perf-buffer.ts';
import { PERF_RECORD_LOST, PERF_RECORD_SAMPLE } from '../../uapi/perf.ts';
import { stream } from '../command.ts';
import { hexRow } from '../format.ts';
import { MAP, selectMap } from '../selectors.ts';
import type { Words } from '../words.ts';

/** Bytes of each CPU's records, as bpftool has them. */
const SIZE = 1 << 16;

type Event = { readonly sample: PerfSample } | { readonly loss: PerfLoss };

export const mapEventPipe = stream<Event>({
  path: ['map', 'event_pipe'],
  usage: `${MAP} [cpu N index M]`,
  about:
    'prints what programs say into a perf event array, until interrupted; its slots belong to this command meanwhile',
  run({ kernel, signal }, words) {
    const map = selectMap(kernel, words);
    return events(map, slots(words), signal);
  },
  text(event) {
    if ('loss' in event) return `lost ${event.loss.count} events`;
    const { cpu, index, time, data } = event.sample;
    const nanoseconds = String(time % 1_000_000_000n).padStart(9, '0');
    return `== @${time / 1_000_000_000n}.${nanoseconds} CPU: ${cpu} index: ${index} =====\n${hexRow(data)}`;
  },
  json(event) {
    if ('loss' in event) {
      const { cpu, index, id, count } = event.loss;
      return { type: PERF_RECORD_LOST, cpu, index, lost: { id, count } };
    }
    const { cpu, index, time, data } = event.sample;
    return { type: PERF_RECORD_SAMPLE, cpu, index, timestamp: time, data: Array.from(data) };
  },
});

async function* events(map: BpfMap, which: ReturnType<typeof slots>, signal: AbortSignal): AsyncGenerator<Event> {
  using _map = map;
  const losses: PerfLoss[] = [];
  using perf = openPerfBuffer(map, { size: SIZE, slots: which, onLost: (loss) => losses.push(loss) });
  for await (const sample of perf.events({ signal })) {
    // The kernel says what was lost before the next sample.
    for (const loss of losses.splice(0)) yield { loss };
    yield { sample };
  }
}

/** `cpu N index M`, in either order, both or none. */
function slots(words: Words): { cpu: number; index: number }[] | undefined {
  const said = new Map<'cpu' | 'index', number>();
  while (!words.done) {
    const what = words.expect('cpu', 'index');
    if (said.has(what)) throw new UsageError(`${what} is given twice`);
    said.set(what, words.number(what === 'cpu' ? 'the number of the CPU' : 'the slot of the map'));
  }
  const [cpu, index] = [said.get('cpu'), said.get('index')];
  if (cpu === undefined && index === undefined) return undefined;
  if (cpu === undefined || index === undefined) throw new UsageError('cpu and index go together: cpu N index M');
  return [{ cpu, index }];
}
