import { NotSupportedError, UsageError } from '../../errors.ts';
import type { BpfMap } from '../../loader/map.ts';
import { type MapChange, watchMap } from '../../loader/watch-map.ts';
import type { KernelEvent, WatchOptions } from '../../sys/watch.ts';
import { type Context, stream } from '../command.ts';
import { hexRow } from '../format.ts';
import { merge } from '../merge.ts';
import { MAP, selectMaps } from '../selectors.ts';
import type { Words } from '../words.ts';
import { controlText } from './tc-action-text.ts';

type MapEvent = MapChange & { readonly kind: 'map'; readonly id: number };
type Event = KernelEvent | MapEvent;

interface Wanted extends WatchOptions {
  readonly maps: readonly BpfMap[];
  readonly keysOnly: boolean;
}

const XDP_ACTIONS = ['aborted', 'drop', 'pass', 'tx', 'redirect'];

export const watch = stream<Event>({
  path: ['watch'],
  usage: `[map ${MAP}]... [keys] [packets [dev DEV]] [log]`,
  about:
    'prints what happens in the kernel, until interrupted: elements of maps, frames of devices, the trace log; without words, the last two',
  run(context, words) {
    return events(context, watchWords(context, words));
  },
  text(event) {
    switch (event.kind) {
      case 'log':
        return `log ${event.line}`;
      case 'lost':
        return `lost ${event.count} events`;
      case 'packet': {
        const xdp = event.xdp === undefined ? '' : ` xdp ${xdpText(event.xdp)}`;
        return `packet ${event.device} ${event.direction} ${event.length} bytes${xdp} verdict ${controlText(event.verdict)}`;
      }
      case 'map': {
        const value = event.value === undefined ? '' : `  value: ${hexRow(event.value)}`;
        return `map ${event.id} ${event.change}  key: ${hexRow(event.key)}${value}`;
      }
    }
  },
  json(event) {
    switch (event.kind) {
      case 'packet':
        return {
          ...event,
          verdict: controlText(event.verdict),
          xdp: event.xdp === undefined ? undefined : xdpText(event.xdp),
        };
      case 'map':
        return { ...event, key: Array.from(event.key), value: event.value && Array.from(event.value) };
      default:
        return event;
    }
  },
});

function xdpText(action: number): string {
  return XDP_ACTIONS[action] ?? String(action);
}

function watchWords(context: Context, words: Words): Wanted {
  const maps: BpfMap[] = [];
  let packets: boolean | string = false;
  let log = false;
  let keysOnly = false;
  const all = words.done;
  while (!words.done) {
    switch (words.expect('map', 'keys', 'packets', 'log')) {
      case 'map':
        maps.push(...selectMaps(context.kernel, words, { readOnly: true }));
        break;
      case 'keys':
        keysOnly = true;
        break;
      case 'packets':
        packets = words.keyword('dev') === undefined || words.next('the name of the device');
        break;
      case 'log':
        log = true;
    }
  }
  if (keysOnly && maps.length === 0) throw new UsageError("'keys' is about maps, and none is named");
  return { maps, keysOnly, packets: all || packets, log: all || log };
}

async function* events({ watched, signal }: Context, wanted: Wanted): AsyncGenerator<Event> {
  const { maps, packets, log, keysOnly } = wanted;
  const end = new AbortController();
  const options = { packets, log, signal: AbortSignal.any([signal, end.signal]) };
  try {
    const streams: AsyncIterator<Event>[] = maps.map((map) => mapEvents(map, keysOnly, options.signal));
    if (packets !== false || log === true) {
      if (watched === undefined)
        throw new NotSupportedError('watching packets and the trace log of this kernel', {
          instead: 'use a kernel in the background; `prog tracelog` reads the log of any kernel',
        });
      streams.push(watched.watch(options));
    }
    yield* merge(streams);
  } finally {
    end.abort();
    for (const map of maps) map.close();
  }
}

async function* mapEvents(map: BpfMap, keysOnly: boolean, signal: AbortSignal): AsyncGenerator<MapEvent> {
  for await (const { change, key, value } of watchMap(map, { signal }))
    yield { kind: 'map', id: map.id, change, key, ...(!keysOnly && { value }) };
}
