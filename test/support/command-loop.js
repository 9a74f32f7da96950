/**
 * Runs `skep` commands one after the other, as if each had a process of its own: what a command leaves open is closed after it. `command-loop.js REQUESTS
 * REPLIES [OPTION…]` reads from one FIFO the words of a command as JSON, and writes its exit code and what it said to the other.
 */
import { closeSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { runProgram } from '../../dist/bundle/program.js';

const [requests, replies, ...options] = process.argv.slice(2);
process.stderr.write('ready\n');
for (;;) {
  const words = JSON.parse(readFileSync(requests, 'utf8'));
  const said = { stdout: '', stderr: '' };
  const status = await runProgram([...options, ...words], process.env, {
    out: (text) => {
      said.stdout += text;
    },
    err: (text) => {
      said.stderr += text;
    },
  });
  await turn();
  closeLeft();
  writeFileSync(replies, JSON.stringify({ status, ...said }));
}

/** Closes what of bpf(2) and perf_event_open(2) is open. */
function closeLeft() {
  if (process.platform !== 'linux') return;
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      if (/^anon_inode:(bpf|btf|\[perf)/.test(readlinkSync(`/proc/self/fd/${fd}`))) closeSync(Number(fd));
    } catch {
      // it was that of the directory
    }
  }
}
