import { type LoadedObject, load, openObject, unregisterStructOps } from '../../src/index.ts';
import { objectBytes } from '../support/objects.ts';
import { type BenchSocket, said } from './net-bench.ts';
import type { SocketBench } from './sockets.ts';

const object = openObject(objectBytes('test/objects/congestion.o'), { file: 'congestion.o' });
const [IPPROTO_TCP, TCP_CONGESTION] = [6, 13];
/** Places in `calls` of the object. */
const KINDS = ['init', 'release', 'ssthresh', 'avoid', 'state', 'event', 'acked', 'undo', 'control'] as const;
/** Milliseconds until an acknowledgement is here that waits for more data. */
const PATIENCE = 2000;

/** A congestion control that is registered, and what it has seen. */
export class Control implements Disposable {
  readonly loaded: LoadedObject;
  readonly #name: string;
  #registered = true;

  constructor(sockets: SocketBench, name: string) {
    this.loaded = load(sockets.bench.kernel('a'), object);
    this.#name = name;
    this.loaded.registerStructOps(name);
  }

  number(variable: string): number {
    return Number(this.loaded.globals[variable]);
  }
  calls(kind: (typeof KINDS)[number]): number {
    return Number((this.loaded.globals.calls as number[])[KINDS.indexOf(kind)]); // __u32[]
  }
  /** Waits until there were as many calls. */
  until(kind: (typeof KINDS)[number], count: number): number {
    const end = Date.now() + PATIENCE;
    while (this.calls(kind) < count && Date.now() < end)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    return this.calls(kind);
  }
  unregister(): void {
    if (this.#registered) unregisterStructOps(this.loaded.map(this.#name));
    this.#registered = false;
  }

  [Symbol.dispose](): void {
    this.unregister();
    this.loaded[Symbol.dispose]();
  }
}

const bytes = (name: string): Uint8Array => new TextEncoder().encode(name);
const choose = (socket: BenchSocket, name: string) =>
  said(() => socket.setsockopt(IPPROTO_TCP, TCP_CONGESTION, bytes(name)));
const chosen = (socket: BenchSocket, size = 16) =>
  String.fromCharCode(...socket.getsockopt(IPPROTO_TCP, TCP_CONGESTION, new Uint8Array(size).fill(0x78)));
const at = { address: '10.0.0.2', port: 80 };

/** A connection of which the client has this control. */
export function connect(sockets: SocketBench, name: string): readonly [client: BenchSocket, server: BenchSocket] {
  const listener = sockets.listen('b', at);
  const client = sockets.tcp('a');
  choose(client, name);
  client.connect(at);
  return [client, sockets.accept(listener)];
}

type Row = readonly [name: string, run: (sockets: SocketBench) => unknown, want: unknown];

// biome-ignore format: aligned table
export const congestionRows: readonly Row[] = [
  ['names that there are not', (s) => [choose(s.tcp('a'), 'skep_none'), choose(s.tcp('a'), '')], ['ENOENT', 'EINVAL']],
  ['one of the kernel\'s', (s) => { const socket = s.tcp('a'); return [choose(socket, 'reno'), chosen(socket), chosen(socket, 3)]; }, ['ok', `reno${'\0'.repeat(12)}`, 'ren']],
  ['a program is told how a connection begins', (s) => {
    using control = new Control(s, 'skep_reno');
    const [client] = connect(s, 'skep_reno');
    return [
      chosen(client).startsWith('skep_reno'), control.calls('init'), control.number('first_window'), control.number('first_threshold'),
      control.number('sent_ack'), control.number('port') === client.name.port,
    ];
  }, [true, 1, 10, 0x7fffffff, 0, true]],
  ['and what is acknowledged', (s) => {
    using control = new Control(s, 'skep_reno');
    const [client, server] = connect(s, 'skep_reno');
    client.send(bytes('hello'));
    const data = server.receive()?.data.length;
    return [data, control.until('avoid', 1), control.calls('acked'), control.number('segments'), control.calls('event'), control.number('same'), control.calls('ssthresh')];
  }, [5, 1, 2, 2, 1, 1, 0]],
  ['chosen when the connection stands, and given up', (s) => {
    using control = new Control(s, 'skep_reno');
    const [client] = connect(s, 'cubic');
    const before = control.calls('init');
    choose(client, 'skep_reno');
    const counts = [before, control.calls('init'), control.calls('release')];
    choose(client, 'skep_reno');
    choose(client, 'reno');
    return [...counts, control.calls('init'), control.calls('release')];
  }, [0, 1, 0, 1, 1]],
  ['who is connected to has it from who listens', (s) => {
    using control = new Control(s, 'skep_reno');
    const listener = s.listen('b', at);
    choose(listener, 'skep_reno');
    const client = s.tcp('a');
    client.connect(at);
    const server = s.accept(listener);
    return [chosen(server).startsWith('skep_reno'), control.until('init', 1)];
  }, [true, 1]],
  ['one that is gone goes on where it was chosen', (s) => {
    using control = new Control(s, 'skep_reno');
    const [client, server] = connect(s, 'skep_reno');
    control.unregister();
    const other = choose(s.tcp('a'), 'skep_reno');
    client.send(bytes('hello'));
    server.receive();
    const counts = [other, control.until('avoid', 1), control.calls('release')];
    client.close();
    server.close();
    return [...counts, control.until('release', 1)];
  }, ['ENOENT', 1, 0, 1]],
  ['one that sets the window by itself', (s) => {
    using control = new Control(s, 'skep_own');
    const [client, server] = connect(s, 'skep_own');
    client.send(new Uint8Array(20_000));
    let received = 0;
    for (let part = server.receive(); part !== undefined && received < 20_000; part = server.receive()) received += part.data.length;
    const end = Date.now() + PATIENCE;
    while (control.number('segments') < 15 && Date.now() < end) control.until('control', control.calls('control') + 1);
    return [received, control.number('segments'), control.calls('avoid')];
  }, [20_000, 15, 0]],
];
