/**
 * JSON as bpftool prints it: compact without blanks, or (`pretty`) indented by four, the items of an array one after the other. Big integers are
 * printed as numbers, bytes as arrays of "0x.." strings.
 */
export function formatJson(value: unknown, pretty: boolean): string {
  return pretty ? prettyJson(value, 0) : compact(value);
}

function compact(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(compact).join(',')}]`;
  if (isObject(value)) {
    return `{${fields(value)
      .map(([key, field]) => `${JSON.stringify(key)}:${compact(field)}`)
      .join(',')}}`;
  }
  return scalar(value);
}

function prettyJson(value: unknown, level: number): string {
  const pad = '    '.repeat(level + 1);
  const end = '    '.repeat(level);
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    return `[${value.map((item) => prettyJson(item, level + 1)).join(',')}\n${end}]`;
  }
  if (isObject(value)) {
    const rows = fields(value);
    if (rows.length === 0) return '{}';
    return `{\n${rows.map(([key, field]) => `${pad}${JSON.stringify(key)}: ${prettyJson(field, level + 1)}`).join(',\n')}\n${end}}`;
  }
  if (value instanceof Uint8Array) return prettyJson(hexBytes(value), level);
  return scalar(value);
}

function fields(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, field]) => field !== undefined);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function scalar(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return compact(hexBytes(value));
  return JSON.stringify(value ?? null);
}

function hexBytes(bytes: Uint8Array): string[] {
  return Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, '0')}`);
}
