import { connect } from 'node:net';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { decodeFrame, FrameReader } from './protocol.ts';
import { STATE, type ToThread } from './sync-socket.ts';

/** The thread of a SyncSocket: it owns the socket, and wakes the main thread when the reply that it sleeps for is here. */
interface Given {
  readonly path: string;
  readonly state: Int32Array;
  readonly port: MessagePort;
}
const { path, state, port }: Given = workerData;

/** The message whose reply the main thread sleeps for; it also sleeps for the connection, as message 0. */
let sleepingFor: number | undefined = 0;

function wake(result: number, message: unknown): void {
  sleepingFor = undefined;
  port.postMessage(message);
  Atomics.store(state, 0, result);
  Atomics.notify(state, 0);
}

function fail(reason: string): void {
  if (sleepingFor !== undefined) wake(STATE.failed, reason);
  socket.destroy();
  parentPort?.close();
}

const frames = new FrameReader();
const socket = connect(path);
socket.once('connect', () => wake(STATE.ready, undefined));
socket.once('error', (error) => fail(error.message));
socket.once('close', () => fail('the connection was closed'));
socket.on('data', (chunk) => {
  for (const frame of frames.push(chunk)) {
    const id = decodeFrame(frame)?.[0];
    // -1: the other end could not read what it was sent.
    if (id === sleepingFor || id === -1) wake(STATE.ready, frame);
    else parentPort?.postMessage(frame);
  }
});

parentPort?.on('message', ({ frame, id, sleeping }: ToThread) => {
  if (frame === undefined) {
    socket.end();
    parentPort?.close();
    return;
  }
  if (sleeping) sleepingFor = id;
  if (socket.destroyed) fail('the connection was closed');
  else socket.write(frame);
});
