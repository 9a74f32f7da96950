import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { machineLock } from './machine-lock.ts';
import { SLOW } from './slow.ts';

const PATIENCE = 20_000 * SLOW;

/** Names of TCP's congestion controls, which all namespaces share. */
export function congestionNames(): string[] {
  return readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').trim().split(' ');
}

/** Until disposal nobody else's tests have names there: the kernel takes that of a link away some time after the link. */
export async function ownCongestionNames(): Promise<Disposable> {
  const lock = await machineLock('congestion');
  const isUsed = () => congestionNames().some((name) => name.startsWith('skep_'));
  for (const end = Date.now() + PATIENCE; isUsed() && Date.now() < end; ) await setTimeout(50);
  return lock;
}
