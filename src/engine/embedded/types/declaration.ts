import { UsageError } from '../../../errors.ts';

/** A type as C writes it. `base`: as it is called, `struct x` or `u32`. */
export type CType =
  | { readonly kind: 'base'; readonly name: string }
  | { readonly kind: 'ptr' | 'const'; readonly to: CType }
  | { readonly kind: 'array'; readonly of: CType; readonly length: number }
  | { readonly kind: 'function'; readonly returns: CType; readonly params: readonly Declaration[] };

/** A member, a parameter, a function: what its name stands for. */
export interface Declaration {
  /** Empty where a parameter has none. */
  readonly name: string;
  readonly type: CType;
}

/** `u32 id; char name[16]; struct bpf_prog *prog`. */
export function parseMembers(text: string): Declaration[] {
  return text.split(';').map(parseDeclaration);
}

/** `int f(const struct x *p, bool (*less)(struct y *a))`, `u32 id`, `char name[16]`. Throws UsageError for what is none. */
export function parseDeclaration(text: string): Declaration {
  const [, result, callback, callbackParams] = /^([^(]+)\(\*(\w+)\)\((.*)\)$/.exec(text.trim()) ?? [];
  if (result !== undefined && callback !== undefined)
    return { name: callback, type: pointerTo(functionType(parseType(result), callbackParams ?? '')) };
  const [, head, params] = /^([^(]+)\((.*)\)$/.exec(text.trim()) ?? [];
  const { name, type } = parseVariable(head ?? text);
  return { name, type: head === undefined ? type : functionType(type, params ?? '') };
}

function parseVariable(text: string): Declaration {
  const [, type = '', name, length] = /^\s*(.*?[\s*])(\w+)(?:\[(\d+)\])?\s*$/.exec(text) ?? [];
  if (name === undefined) throw new UsageError(`'${text}' is no declaration, as 'int pid' or 'struct file *file'`);
  const of = parseType(type);
  return { name, type: length === undefined ? of : { kind: 'array', of, length: Number(length) } };
}

function parseType(text: string): CType {
  const [, isConst, base = '', pointers = ''] = /^\s*(const )?\s*([\w ]+?)\s*(\**)\s*$/.exec(text) ?? [];
  if (base === '') throw new UsageError(`'${text}' is no type`);
  let type: CType = { kind: 'base', name: base };
  if (isConst !== undefined) type = { kind: 'const', to: type };
  for (let i = 0; i < pointers.length; i++) type = pointerTo(type);
  return type;
}

function pointerTo(to: CType): CType {
  return { kind: 'ptr', to };
}

function functionType(returns: CType, params: string): CType {
  return { kind: 'function', returns, params: splitParams(params).map(parseParam) };
}

function parseParam(text: string): Declaration {
  return /[*\s]\w+(\[\d+\])?$|\(/.test(text.trim()) && !/^(struct|const|enum) \w+$/.test(text.trim())
    ? parseDeclaration(text)
    : { name: '', type: parseType(text) };
}

/** At the commas that are not within parentheses. */
function splitParams(text: string): string[] {
  return text.trim() === '' || text.trim() === 'void' ? [] : text.split(/,(?![^(]*\))/);
}
