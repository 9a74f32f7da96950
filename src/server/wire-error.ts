import { BpfError, NotSupportedError, SysError, UsageError } from '../errors.ts';
import type { WireError } from './protocol.ts';

/** An error of the kernel, for the wire. Anything that is no BpfError is a bug of ours and arrives as such. */
export function toWire(error: unknown): WireError {
  if (error instanceof SysError) {
    const { code, message, errno, syscall, detail } = error;
    return { kind: 'sys', code, message, errno, syscall, detail };
  }
  if (error instanceof BpfError) return { kind: 'bpf', code: error.code, message: error.message };
  return {
    kind: 'internal',
    code: 'INTERNAL',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

/** The error of a reply, for the caller. */
export function fromWire(wire: WireError): BpfError {
  if (wire.kind === 'sys' && wire.errno !== undefined && wire.syscall !== undefined) {
    return new SysError(wire.errno, wire.syscall, wire.detail === undefined ? {} : { detail: wire.detail });
  }
  if (wire.code === 'USAGE') return new UsageError(wire.message);
  if (wire.code === 'NOT_SUPPORTED') return new NotSupportedError(wire.message.replace(/ is not supported.*/, ''));
  return new BpfError(wire.code, wire.message);
}
