/**
 * JSON as bpftool prints it: compact without blanks, or (`pretty`) indented by four, with arrays of scalars on one line. Big integers are
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
    if (value.every((item) => !isObject(item) && !Array.isArray(item))) return `[${value.map(scalar).join(',')}]`;
    return `[${value.map((item) => prettyJson(item, level)).join(',')}\n${end}]`;
  }
  if (isObject(value)) {
    const rows = fields(value);
    if (rows.length === 0) return '{}';
    return `{\n${rows.map(([key, field]) => `${pad}${JSON.stringify(key)}: ${prettyJson(field, level + 1)}`).join(',\n')}\n${end}}`;
  }
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
  if (value instanceof Uint8Array)
    return `[${Array.from(value, (byte) => `"0x${byte.toString(16).padStart(2, '0')}"`).join(',')}]`;
  return JSON.stringify(value ?? null);
}
