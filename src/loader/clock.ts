import type { Kernel } from '../sys/kernel.ts';
import { orUndefined, readText } from './calls.ts';

/** Seconds since the epoch at which the kernel was started: what load times count from. Asked of /proc/uptime. */
export function bootTime(kernel: Kernel): number {
  const uptime = orUndefined(['ENOENT', 'EACCES'], () => readText(kernel, '/proc/uptime')) ?? '0';
  return Date.now() / 1000 - Number(uptime.split(' ')[0]);
}
