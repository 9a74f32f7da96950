/** What an error of Node's says without its code, call and path, which the caller's own sentence names: `permission denied`. */
export function systemReason(error: Error): string {
  return error.message.replace(/^\w+: |, \w+( '.*)?$/g, '');
}
