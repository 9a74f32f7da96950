import { SysError } from '../errors.ts';
import { errno } from '../uapi/errno.ts';

/** `Mapping.write`: copies data into mapped memory. */
export function putBytes(bytes: Uint8Array, offset: number, data: Uint8Array): void {
  if (!(offset >= 0 && offset + data.length <= bytes.length)) {
    throw new SysError(errno.EFAULT, 'write', {
      what: 'to mapped memory',
      detail: `${data.length} bytes from ${offset} on are not within its ${bytes.length}`,
    });
  }
  bytes.set(data, offset);
}
