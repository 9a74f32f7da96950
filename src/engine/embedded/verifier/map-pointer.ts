import { MAP_STRUCTS } from '../types/map-structs.ts';
import { pointerTo } from './btf-access.ts';
import { accessStruct } from './btf-walk.ts';
import type { Env } from './env.ts';
import type { Access } from './memory.ts';
import { type Reg, UNKNOWN } from './reg.ts';

/** A program reads members of a map's struct. */
export function accessMapPointer(env: Env, reg: Reg, { regno, offset, size, write, value }: Access): void {
  const { kernelBtf } = env.program;
  if (kernelBtf === undefined) env.fail('ENOTSUPP', 'map_ptr access not supported without CONFIG_DEBUG_INFO_BTF');
  const name = reg.map && MAP_STRUCTS[reg.map.type];
  const typeId = name === undefined ? undefined : kernelBtf.find('struct', name);
  if (name === undefined || typeId === undefined)
    env.fail('ENOTSUPP', `map_ptr access not supported for map type ${reg.map?.typeNumber}`);
  if (offset < 0) env.fail('EACCES', `R${regno} is ${name} invalid negative access: off=${offset}`);
  if (write) env.fail('EACCES', `only read from ${name} is supported`);
  const found = accessStruct(kernelBtf, typeId, offset, size);
  if (found.kind === 'error') env.fail(found.code, found.message);
  if (value < 0) return;
  env.setReg(value, found.kind === 'pointer' ? pointerTo(env, kernelBtf, found.typeId, 0) : UNKNOWN);
}
