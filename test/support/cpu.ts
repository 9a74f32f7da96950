/** Milliseconds that this process has worked, which other processes on the machine do not change. For tests that something ends, not that it is fast. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
