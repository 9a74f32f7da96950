import { BpfError, NotSupportedError, SysError, UsageError } from '../errors.ts';
import { MAX_ERRNO } from '../uapi/errno.ts';
import type { WireError } from './protocol.ts';

/** Characters at most of each text of an error: two paths of the length that the socket takes fit. */
const MAX_LENGTH = 1 << 18;

/** An error of the kernel, for the wire. Anything that is no BpfError is a bug of ours and arrives as such. */
export function toWire(error: unknown): WireError {
  if (error instanceof SysError) {
    const { code, message, errno, syscall, what, detail } = error;
    return { kind: 'sys', code, message, errno, syscall, what, detail };
  }
  if (error instanceof BpfError) return { kind: 'bpf', code: error.code, message: error.message };
  return {
    kind: 'internal',
    code: 'INTERNAL',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

/**
 * The error of a reply, for the caller. The other end may be anybody: what is no WireError becomes an error that says so. `attr`: what the caller gave
 * bpf(2), which does not come back.
 */
export function fromWire(wire: unknown, attr?: Readonly<Record<string, unknown>>): BpfError {
  const { kind, code, message, errno, syscall, what, detail }: { readonly [K in keyof WireError]?: unknown } =
    wire ?? {};
  if (kind === 'sys' && isErrno(errno) && isText(syscall)) {
    return new SysError(errno, syscall, {
      ...(isText(what) && { what }),
      ...(isText(detail) && { detail }),
      ...(attr !== undefined && { attr }),
    });
  }
  if (!isText(code) || !isText(message))
    return new BpfError('CONNECTION', 'the kernel answers with no error that makes sense');
  if (code === 'USAGE') return new UsageError(message);
  if (code === 'NOT_SUPPORTED') return new NotSupportedError(message.replace(/ is not supported.*/, ''));
  return new BpfError(code, message);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_LENGTH;
}

function isErrno(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= MAX_ERRNO;
}
