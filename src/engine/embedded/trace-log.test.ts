import { expect, it } from 'vitest';
import { Clock } from './clock.ts';
import { Observers } from './observers.ts';
import { TraceLog } from './trace-log.ts';
import { Wakeups } from './wakeups.ts';

const clock = new Clock('manual');
clock.advance(12_345_678_999n);
const wake = new Wakeups();
const log = new TraceLog({ clock, cpu: 1, pid: 42, wake, observers: new Observers() });

it('TraceLog: a line looks as in trace_pipe and is taken once', () => {
  log.write('map val: 3');
  expect(log.take()).toBe('           <...>-42      [001] ...11    12.345678: bpf_trace_printk: map val: 3\n');
  expect(log.take()).toBe(undefined);
});

it('TraceLog: keeps the newest lines and says how many were lost', () => {
  for (let i = 0; i < 8192 + 3; i++) log.write(`${i}`);
  expect(log.take()).toBe('CPU:1 [LOST 3 EVENTS]\n');
  expect(log.take()).toMatch(/: 3\n$/);
});

it('TraceLog: wakes those who wait, until they have enough', () => {
  let woken = 0;
  const stop = wake.on(() => woken++);
  log.write('a');
  stop();
  log.write('b');
  expect(woken).toBe(1);
});
