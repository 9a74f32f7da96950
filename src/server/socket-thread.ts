import { connect } from 'node:net';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { FrameReader, frameId } from './protocol.ts';
import { STATE, type ToThread } from './thread-line.ts';

/**
 * The thread of a ThreadLine: it owns the socket, and wakes the main thread when the reply that it sleeps for is here. Other replies, and why the
 * connection ended, go to the main thread as events. After the connection has ended it lives on, to say so to whoever calls.
 */
interface Given {
  readonly path: string;
  readonly state: Int32Array;
  readonly port: MessagePort;
}
const { path, state, port }: Given = workerData;

/** The message whose reply the main thread sleeps for; it also sleeps for the connection, as message 0. */
let sleepingFor: number | undefined = 0;
/** Why the connection ended. */
let failure: string | undefined;

function wake(result: number, message: unknown): void {
  sleepingFor = undefined;
  port.postMessage(message);
  Atomics.store(state, 0, result);
  Atomics.notify(state, 0);
}

function fail(reason: string): void {
  if (failure === undefined) parentPort?.postMessage(reason);
  failure ??= reason;
  if (sleepingFor !== undefined) wake(STATE.failed, failure);
  socket.destroy();
}

function receive(chunk: Uint8Array): void {
  for (const frame of frames.push(chunk)) {
    const id = frameId(frame);
    // -1: the other end could not read what it was sent.
    if (id === undefined) fail('it answers with something that is no message');
    else if (sleepingFor !== undefined && (id === sleepingFor || id === -1)) wake(STATE.ready, frame);
    else parentPort?.postMessage(frame);
  }
}

const frames = new FrameReader();
const socket = connect(path);
socket.once('connect', () => wake(STATE.ready, undefined));
socket.once('error', (error) => fail(error.message));
socket.once('close', () => fail('the connection was closed'));
socket.on('data', (chunk) => {
  try {
    receive(chunk);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error)); // a length over the limits
  }
});

parentPort?.on('message', ({ frame, id, sleeping }: ToThread) => {
  if (frame === undefined) {
    socket.end();
    parentPort?.close();
    return;
  }
  if (sleeping) sleepingFor = id;
  if (failure !== undefined) fail(failure);
  else socket.write(frame);
});
