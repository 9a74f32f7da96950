/** What the kernel takes as the name of a program or map: 15 characters of [A-Za-z0-9_.]; others become `_`. */
export function kernelName(name: string): string {
  return name.slice(0, 15).replace(/[^A-Za-z0-9_.]/g, '_');
}
