/**
 * `npm run bench -- server [SECONDS]`: map updates a second through the background kernel, of one client and of several at once, beside those of a
 * kernel in the same process. Each update is a call of its own that waits for its answer. Works on dist/. Afterwards every client's elements are looked
 * for: none may be lost. `--client SOCKET PIN FIRST SECONDS` is one of the clients.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createEmbeddedKernel } from '../dist/engine/embedded/index.js';
import { openMap } from '../dist/loader/index.js';
import { RemoteKernel } from '../dist/server/index.js';

const root = resolve(import.meta.dirname, '..');
const PIN = '/sys/fs/bpf/bench';
/** Keys of each client. */
const KEYS = 1000;

const words = process.argv.slice(2);
if (words[0] === '--client') await client(words[1], Number(words[2]), Number(words[3]));
else await compare(Number(words[0] ?? 3));

async function compare(seconds) {
  const directory = mkdtempSync(join(tmpdir(), 'skep-bench-'));
  const socket = join(directory, 'k.sock');
  const server = spawn(process.execPath, [join(root, 'bin/skep'), 'serve', '--socket', socket], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    await new Promise((done) => server.stderr.once('data', done));
    const here = createEmbeddedKernel().kernel;
    print('in this process', [updates(createMap(here), 0, seconds)]);
    const remote = new RemoteKernel(socket);
    const map = createMap(remote);
    remote.bpf('BPF_OBJ_PIN', { pathname: PIN, bpf_fd: map.fd });
    for (const count of [1, 2, 4]) {
      const counts = await Promise.all(Array.from({ length: count }, (_, n) => startClient(socket, n * KEYS, seconds)));
      print(`${count} client${count === 1 ? '' : 's at once'}`, counts);
      for (const [n, { made }] of counts.entries()) check(map, n * KEYS, made);
    }
    remote.shutdown();
  } finally {
    server.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

function createMap(kernel) {
  const fd = kernel.bpf('BPF_MAP_CREATE', { map_type: 1, key_size: 4, value_size: 8, max_entries: 8 * KEYS });
  return openMap(kernel, { fd });
}

function startClient(socket, first, seconds) {
  const line = [import.meta.filename, '--client', socket, String(first), String(seconds)];
  const child = spawn(process.execPath, line, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  return new Promise((done, fail) =>
    child.once('close', (status) => (status === 0 ? done(JSON.parse(text)) : fail(new Error(`a client: ${status}`)))),
  );
}

async function client(socket, first, seconds) {
  const kernel = new RemoteKernel(socket);
  const map = openMap(kernel, { pinned: PIN });
  updates(map, first, 0.5);
  console.log(JSON.stringify(updates(map, first, seconds)));
  kernel[Symbol.dispose]();
}

/** Update number n goes to key `first + n % KEYS` and writes n. */
function updates(map, first, seconds) {
  const key = new Uint32Array(1);
  const value = new BigUint64Array(1);
  const bytes = [new Uint8Array(key.buffer), new Uint8Array(value.buffer)];
  const cpu = process.cpuUsage();
  const start = performance.now();
  let made = 0;
  for (; performance.now() < start + seconds * 1000; made++) {
    key[0] = first + (made % KEYS);
    value[0] = BigInt(made);
    map.setBytes(bytes[0], bytes[1]);
  }
  const { user, system } = process.cpuUsage(cpu);
  return { made, seconds: (performance.now() - start) / 1000, cpu: (user + system) / made };
}

/** Each key holds the last number that was written to it. */
function check(map, first, made) {
  for (let n = Math.max(0, made - KEYS); n < made; n++) {
    const found = map.getBytes(new Uint8Array(new Uint32Array([first + (n % KEYS)]).buffer));
    const number = new DataView(found.buffer, found.byteOffset).getBigUint64(0, true);
    if (number !== BigInt(n)) throw new Error(`update ${n} is lost: ${number} is there`);
  }
}

function print(name, counts) {
  const rates = counts.map(({ made, seconds }) => Math.round(made / seconds).toLocaleString('en'));
  const cpu = counts.map((count) => count.cpu.toFixed(0));
  console.log(`${name.padEnd(20)} ${rates.join(' + ')} updates a second (${cpu.join(', ')} µs of processor each)`);
}
