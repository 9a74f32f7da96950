import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../test/support/objects.ts';
import { decodeInsns, formatInsn, POISON } from '../isa/index.ts';
import { relocateCore } from './core.ts';
import { findProgram } from './find.ts';
import { parseObject } from './parse.ts';
import type { ProgramSpec } from './spec.ts';

const object = parseObject(objectBytes('test/objects/core.o'), { file: 'core.o' });
const target = parseObject(objectBytes('test/objects/core_target.o'), { file: 'core_target.o' });
const local = object.btf;
const kernel = target.btf;
if (local === undefined || kernel === undefined) throw new Error('the objects have no BTF');

/** Each relocated instruction of a program after the relocation. */
function relocated(program: ProgramSpec): [string, string][] {
  const { insns } = relocateCore(program, local as NonNullable<typeof local>, [kernel as NonNullable<typeof kernel>]); // checked above
  const decoded = decodeInsns(insns);
  return program.coreRelocations.map(({ insn, kind, access }) => {
    const at = decoded[insn];
    return [`${kind} ${access}`, at === undefined ? '' : formatInsn(at, decoded[insn + 1])];
  });
}

describe('relocateCore', () => {
  it('answers every kind of question about the target', () => {
    // biome-ignore format: one question a line, with what core.c asks
    expect(relocated(findProgram(object, { name: 'core' }))).toEqual([
      ['field_byte_offset 0:0',   '(b7) r2 = 24'],  // pid has moved
      ['field_byte_offset 0:1:1', '(b7) r2 = 20'],  // in.b, in a struct that has grown in front
      ['field_byte_offset 0:2:2', '(b7) r2 = 36'],  // list[2]
      ['field_byte_offset 0:4',   '(b7) r2 = 56'],  // a bit-field of a wider type
      ['field_byte_size 0:4',     '(b7) r2 = 8'],
      ['field_lshift_u64 0:4',    '(b7) r2 = 4'],
      ['field_rshift_u64 0:4',    '(b7) r2 = 59'],
      ['field_signed 0:0',        '(b7) r2 = 1'],
      ['field_signed 0:1:1',      '(b7) r2 = 0'],
      ['field_byte_offset 0:5:1', '(b7) r2 = 72'],  // second, within anonymous members
      ['field_exists 0:0',        '(b7) r2 = 1'],   // only_new, of a flavour
      ['field_exists 0:0',        '(b7) r2 = 0'],   // of a struct that is gone
      ['field_byte_size 0:7',     '(b7) r2 = 4'],   // narrow is no longer
      ['type_exists 0',           '(b7) r2 = 1'],
      ['type_exists 0',           '(b7) r2 = 0'],
      ['type_size 0',             '(b7) r2 = 96'],
      ['type_matches 0',          '(b7) r2 = 1'],
      ['type_matches 0',          '(b7) r2 = 0'],   // int x against long x
      ['enumval_exists 1',        '(18) r2 = 0x1'],
      ['enumval_value 1',         '(18) r2 = 0x5'],
      ['enumval_exists 0',        '(18) r2 = 0x1'], // STATE_NEW of a flavour
      ['enumval_exists 1',        '(18) r2 = 0x0'],
      ['type_id_target 0',        `(18) r2 = 0x${kernel.find('struct', 'moved')?.toString(16)}`],
      ['type_id_target 0',        '(18) r2 = 0x0'],
    ]);
  });

  it('fits loads: their offsets, and their width where that is safe', () => {
    expect(relocated(findProgram(object, { name: 'loads' }))).toEqual([
      ['field_byte_offset 0:7', '(61) r2 = *(u32 *)(r1 +88)'],
      ['field_byte_offset 0:6', '(79) r0 = *(u64 *)(r1 +80)'],
      ['field_byte_offset 0:1:1', '(61) r1 = *(u32 *)(r1 +20)'],
    ]);
  });

  it('poisons what the target does not have, and says what it was', () => {
    const program = findProgram(object, { name: 'poisoned' });
    const { insns, poisoned } = relocateCore(program, local, [kernel]);
    expect([...poisoned]).toEqual([[0, 'field_byte_offset of struct gone.x']]);
    expect(decodeInsns(insns)[0]).toEqual({ opcode: 0x85, dst: 0, src: 0, off: 0, imm: POISON });
  });

  it('leaves the spec as it was', () => {
    const program = findProgram(object, { name: 'core' });
    const before = new Uint8Array(program.insns);
    relocateCore(program, local, [kernel]);
    expect(program.insns).toEqual(before);
  });

  it('against its own types changes nothing', () => {
    for (const name of ['loads', 'poisoned']) {
      const program = findProgram(object, { name });
      const { insns, poisoned } = relocateCore(program, local, [local]);
      expect(insns).toEqual(program.insns);
      expect(poisoned.size).toBe(0);
    }
  });

  it.each([
    [{ access: 'x' }, "the access 'x' is no list of numbers"],
    [{ access: '0:99' }, 'struct moved has no member 99'],
    [{ access: '0:0:0' }, 'there is nothing to go into in int int'],
    [{ kind: 'type_size' as const, access: '1' }, "the access '1' to a type is not 0"],
    [{ kind: 'type_exists' as const, access: '0', typeId: 1 }, 'anonymous types cannot be looked for'],
    [{ access: '0:1' }, 'does not hold what relocation field_byte_offset of struct moved.in is about: 0 instead of 4'],
  ])('refuses a relocation that makes no sense: %j', (change, message) => {
    const program = findProgram(object, { name: 'core' });
    const [first] = program.coreRelocations;
    if (first === undefined) throw new Error('core has no relocations');
    const damaged = { ...program, coreRelocations: [{ ...first, ...change }] };
    expect(() => relocateCore(damaged, local, [kernel])).toThrow(
      expect.objectContaining({ name: 'ObjectError', message: expect.stringContaining(message) }),
    );
  });
});
