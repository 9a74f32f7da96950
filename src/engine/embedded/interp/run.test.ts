import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytecode, I } from '../../../../test/support/bytecode.ts';
import { ATOMICS, allOperations, type Insn, type Operation } from '../../../isa/index.ts';
import { Machine } from '../machine.ts';
import { decodeProgram } from './code.ts';
import { type Interpreter, interpreterOf } from './interpreter.ts';

const machine = new Machine({ clock: 'manual' });
const interpreter = interpreterOf(machine);
interpreter.budget = 10_000;
const buffer = machine.memory.alloc(64);

/** r0 as an unsigned 64-bit number, or the reason of the fault. `context` is in r1. */
function run(insns: Uint8Array, context = 0, by: Interpreter = interpreter): bigint | string {
  const { value, high, fault } = by.runCode(decodeProgram(insns), context);
  return fault?.reason ?? BigInt.asUintN(64, (BigInt(high) << 32n) | BigInt(value >>> 0));
}

const EDGES = [
  0n,
  1n,
  2n,
  7n,
  31n,
  32n,
  33n,
  63n,
  64n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x123456789abcdef0n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffff00000000n,
  0xffffffff80000000n,
  0xffffffffffffffffn,
];
const word64 = fc.oneof(fc.constantFrom(...EDGES), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
const imm32 = word64.map((value) => Number(BigInt.asIntN(32, value)));
const RUNS = { seed: 42, numRuns: 120 };

const u = (bits: number, value: bigint) => BigInt.asUintN(bits, value);
const s = (bits: number, value: bigint) => BigInt.asIntN(bits, value);

/** What RFC 9669 says of arithmetic, on `bits` bits. */
function model(op: string, bits: 32 | 64, off: number, left: bigint, right: bigint): bigint {
  const [a, b] = [u(bits, left), u(bits, right)];
  const [sa, sb] = [s(bits, left), s(bits, right)];
  const shift = b & BigInt(bits - 1);
  const isSigned = off === 1;
  switch (op) {
    case 'add':
      return u(bits, a + b);
    case 'sub':
      return u(bits, a - b);
    case 'mul':
      return u(bits, a * b);
    case 'div':
      return b === 0n ? 0n : u(bits, isSigned ? sa / sb : a / b);
    case 'mod':
      return b === 0n ? a : u(bits, isSigned ? sa % sb : a % b);
    case 'or':
      return a | b;
    case 'and':
      return a & b;
    case 'xor':
      return a ^ b;
    case 'lsh':
      return u(bits, a << shift);
    case 'rsh':
      return a >> shift;
    case 'arsh':
      return u(bits, sa >> shift);
    case 'mov':
      return off === 0 ? b : u(bits, s(off, right));
    default:
      throw new Error(op);
  }
}

function compare(op: string, bits: 32 | 64, left: bigint, right: bigint): boolean {
  const [a, b] = [u(bits, left), u(bits, right)];
  const [sa, sb] = [s(bits, left), s(bits, right)];
  const results: Record<string, boolean> = {
    jeq: a === b,
    jne: a !== b,
    jset: (a & b) !== 0n,
    jgt: a > b,
    jge: a >= b,
    jlt: a < b,
    jle: a <= b,
    jsgt: sa > sb,
    jsge: sa >= sb,
    jslt: sa < sb,
    jsle: sa <= sb,
  };
  const result = results[op];
  if (result === undefined) throw new Error(op);
  return result;
}

type Row<K extends Operation['kind']> = [name: string, opcode: number, operation: Extract<Operation, { kind: K }>];
function rows<K extends Operation['kind']>(kind: K): Row<K>[] {
  return allOperations().flatMap(([opcode, operation]): Row<K>[] =>
    // The kind is the one asked for, so the operation is of that form.
    operation.kind === kind ? [[nameOf(opcode, operation), opcode, operation as Row<K>[2]]] : [],
  );
}
function nameOf(opcode: number, operation: Operation): string {
  return `0x${opcode.toString(16)} ${Object.values(operation).join(' ')}`;
}

describe('arithmetic is what the instruction set says', () => {
  const forms = rows('alu').flatMap(([name, opcode, operation]): [string, number, typeof operation, number][] => {
    const variants = operation.op === 'div' || operation.op === 'mod' ? [0, 1] : [0];
    if (operation.op === 'mov' && operation.source === 'reg')
      variants.push(8, 16, ...(operation.bits === 64 ? [32] : []));
    return variants.map((off) => [`${name}, off ${off}`, opcode, operation, off]);
  });
  it.each(forms)('%s', (_name, opcode, { op, bits, source }, off) => {
    const check = (left: bigint, right: bigint, operation: Partial<Insn>) => {
      const program = bytecode(I.imm64(0, left), I.imm64(6, right), { opcode, dst: 0, off, ...operation }, I.exit);
      expect(run(program)).toBe(model(op, bits, off, left, right));
    };
    if (source === 'reg')
      fc.assert(
        fc.property(word64, word64, (a, b) => check(a, b, { src: 6 })),
        RUNS,
      );
    else
      fc.assert(
        fc.property(word64, imm32, (a, imm) => check(a, BigInt(imm), { imm })),
        RUNS,
      );
  });

  it.each(rows('neg'))('%s', (_name, opcode, { bits }) => {
    fc.assert(
      fc.property(word64, (a) => {
        expect(run(bytecode(I.imm64(0, a), { opcode, dst: 0 }, I.exit))).toBe(u(bits, -a));
      }),
      RUNS,
    );
  });

  it.each(rows('end').flatMap((row) => [16, 32, 64].map((width): [...Row<'end'>, number] => [...row, width])))(
    '%s, %#',
    (_name, opcode, { to }, width) => {
      const swap = (value: bigint) => {
        let swapped = 0n;
        for (let i = 0; i < width; i += 8) swapped = (swapped << 8n) | ((value >> BigInt(i)) & 0xffn);
        return swapped;
      };
      fc.assert(
        fc.property(word64, (a) => {
          const want = to === 'le' ? u(width, a) : swap(u(width, a));
          expect(run(bytecode(I.imm64(0, a), { opcode, dst: 0, imm: width }, I.exit))).toBe(want);
        }),
        RUNS,
      );
    },
  );
});

describe('jumps', () => {
  it.each(rows('jump'))('%s', (_name, opcode, { op, bits, source }) => {
    const check = (left: bigint, right: bigint, operation: Partial<Insn>) => {
      const program = bytecode(
        I.imm64(2, left),
        I.imm64(3, right),
        I.mov(0, 1),
        { opcode, dst: 2, off: 1, ...operation },
        I.mov(0, 0),
        I.exit,
      );
      expect(run(program)).toBe(compare(op, bits, left, right) ? 1n : 0n);
    };
    const pair = fc.oneof(
      fc.tuple(word64, word64),
      word64.map((a): [bigint, bigint] => [a, a]),
    );
    if (source === 'reg')
      fc.assert(
        fc.property(pair, ([a, b]) => check(a, b, { src: 3 })),
        RUNS,
      );
    else
      fc.assert(
        fc.property(word64, imm32, (a, imm) => check(a, BigInt(imm), { imm })),
        RUNS,
      );
  });

  it('goto counts in off, gotol in imm', () => {
    expect(run(bytecode(I.mov(0, 1), I.goto(1), I.mov(0, 2), I.exit))).toBe(1n);
    expect(run(bytecode(I.mov(0, 1), { opcode: 0x06, imm: 1 }, I.mov(0, 2), I.exit))).toBe(1n);
  });

  it('may_goto leaves a loop that would not end', () => {
    const loop = bytecode(I.mov(0, 7), { opcode: 0xe5, off: 1 }, I.goto(-2), I.exit);
    const patient = interpreterOf(new Machine());
    expect(run(loop, 0, patient)).toBe(7n);
    expect(run(loop)).toBe('still running after 10000 instructions');
  });
});

describe('memory', () => {
  const loads = rows('load');
  it.each(loads)('%s', (_name, opcode, { size, signed }) => {
    fc.assert(
      fc.property(word64, fc.integer({ min: 0, max: 9 }), (value, off) => {
        machine.memory.dv.setBigUint64(buffer + off, value, true);
        const got = u(8 * size, value);
        const want = signed ? u(64, s(8 * size, got)) : got;
        expect(run(bytecode({ opcode, dst: 0, src: 1, off }, I.exit), buffer)).toBe(want);
      }),
      RUNS,
    );
  });

  it.each(rows('store'))('%s', (_name, opcode, { size, source }) => {
    fc.assert(
      fc.property(imm32, fc.integer({ min: -9, max: 9 }), (value, off) => {
        machine.memory.u8.fill(0x5a, buffer, buffer + 64);
        const store = { opcode, dst: 1, off, ...(source === 'reg' ? { src: 2 } : { imm: value }) };
        run(bytecode(I.imm64(2, BigInt(value)), store, I.exit), buffer + 32);
        const want = new Uint8Array(64).fill(0x5a);
        const bytes = new Uint8Array(new BigInt64Array([BigInt(value)]).buffer).subarray(0, size);
        want.set(bytes, 32 + off);
        expect(machine.memory.u8.slice(buffer, buffer + 64)).toEqual(want);
      }),
      RUNS,
    );
  });

  const end = machine.memory.size;
  it.each<[string, bigint, number, string]>([
    ['null', 0n, 0, 'read of 8 bytes at 0x0, the null page'],
    ['before the first address', 0x10000n, -1, 'read of 8 bytes at 0xffff, the null page'],
    ['the last bytes and more', BigInt(end), -7, `read of 8 bytes at 0x${(end - 7).toString(16)}, outside the memory`],
    ['beyond 32 bits', 0x1_0001_0000n, 0, 'read of 8 bytes at 0x100010000, outside the memory'],
    ['a negative address', -8n, 0, 'read of 8 bytes at 0xfffffffffffffff8, outside the memory'],
  ])('a load from %s ends the run', (_name, base, off, want) => {
    expect(run(bytecode(I.imm64(1, base), I.load(8, 0, 1, off), I.exit))).toBe(want);
  });

  it('the last bytes of the memory can be read', () => {
    expect(run(bytecode(I.imm64(1, BigInt(end)), I.load(8, 0, 1, -8), I.exit))).toBe(0n);
  });

  it('a fault names the instruction, gives verdict 0 and is kept', () => {
    const { value, fault } = interpreter.runCode(decodeProgram(bytecode(I.mov(0, 5), I.load(4, 0, 0, 0), I.exit)), 0);
    expect(value).toBe(0);
    expect(fault).toMatchObject({ insn: 1 });
    expect(interpreter.faults.at(-1)).toBe(fault);
    let last: string | undefined;
    for (let line = machine.trace.take(); line !== undefined; line = machine.trace.take()) last = line;
    expect(last).toContain('filter stopped at insn 1: read of 4 bytes at 0x5, the null page');
  });
});

describe('atomics', () => {
  const forms = rows('atomic').filter(([, , { size }]) => size >= 4);
  const operations = Object.entries(ATOMICS);
  it.each(
    forms.flatMap(([, opcode, { size }]) =>
      operations.map(([name, atomic]) => [name, 8 * size, opcode, atomic] as const),
    ),
  )('%s on %i bits', (_name, bits, opcode, { imm, op, fetch }) => {
    fc.assert(
      fc.property(word64, word64, fc.boolean(), (old, operand, same) => {
        const r0 = same ? u(bits, old) : operand;
        machine.memory.dv.setBigUint64(buffer, old, true);
        // r0 is added to what the source register holds afterwards, so that both are seen; load_acquire reads through its source.
        const isLoad = op === 'load';
        const program = bytecode(
          I.imm64(0, isLoad ? 0n : r0),
          I.imm64(2, operand),
          isLoad ? { opcode, dst: 2, src: 1, imm } : { opcode, dst: 1, src: 2, imm },
          { opcode: 0xaf, dst: 0, src: 2 },
          I.exit,
        );
        const got = run(program, buffer);
        const before = u(bits, old);
        const results: Record<string, bigint> = {
          add: before + operand,
          or: before | operand,
          and: before & operand,
          xor: before ^ operand,
          xchg: operand,
          store: operand,
          load: before,
          cmpxchg: before === u(bits, r0) ? operand : before,
        };
        const stored = u(bits, results[op] ?? -1n);
        expect(machine.memory.dv.getBigUint64(buffer, true)).toBe(
          bits === 64 ? stored : ((u(64, old) >> 32n) << 32n) | stored,
        );
        const source = op === 'cmpxchg' || !fetch ? u(64, operand) : before;
        const left = op === 'cmpxchg' ? before : isLoad ? 0n : u(64, r0);
        expect(got).toBe(left ^ source);
      }),
      RUNS,
    );
  });

  it('bytes and halves can only be loaded and stored', () => {
    const acquire = { opcode: 0xd3, dst: 0, src: 1, imm: ATOMICS.load_acquire.imm };
    machine.memory.dv.setBigUint64(buffer, 0xabcdn, true);
    expect(run(bytecode(acquire, I.exit), buffer)).toBe(0xcdn);
    expect(run(bytecode({ opcode: 0xd3, dst: 1, src: 0, imm: 0 }, I.exit), buffer)).toMatch(/^this is no instruction/);
  });
});

describe('calls', () => {
  it('keeps r6 to r9, gives each function a stack of its own, and returns r0', () => {
    const program = bytecode(
      I.mov(6, 6),
      I.mov(9, 9),
      I.storeImm(8, 10, -8, 0x11),
      I.mov(1, 30),
      I.callPc(5),
      I.load(8, 2, 10, -8),
      { opcode: 0x0f, dst: 0, src: 2 },
      { opcode: 0x0f, dst: 0, src: 6 },
      { opcode: 0x0f, dst: 0, src: 9 },
      I.exit,
      // the function
      I.mov(6, 1000),
      I.mov(9, 1000),
      I.load(8, 0, 10, -8),
      I.storeImm(8, 10, -8, 0x22),
      { opcode: 0x0f, dst: 0, src: 1 },
      I.exit,
    );
    expect(run(program)).toBe(BigInt(0x11 + 6 + 9 + 30));
  });

  const recursion = (depth: number) =>
    bytecode(I.mov(1, depth), I.callPc(1), I.exit, I.mov(0, 3), I.jeq(1, 1, 2), I.add(1, -1), I.callPc(-4), I.exit);
  it('up to eight functions are active at once', () => {
    expect(run(recursion(7))).toBe(3n);
    expect(run(recursion(8))).toBe('more than 8 functions are active');
  });

  it('the stack is zeroed for each run', () => {
    const program = bytecode(I.load(8, 0, 10, -16), I.storeImm(8, 10, -16, 77), I.exit);
    expect([run(program), run(program)]).toEqual([0n, 0n]);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['an opcode that is none', bytecode({ opcode: 0x8f }), /no instruction/],
    ['running off the end', bytecode(I.mov(0, 1)), /no instruction/],
    ['a jump out of the program', bytecode(I.goto(-5)), /no instruction/],
    ['a helper that is not there', bytecode(I.call(9999), I.exit), /^there is no helper 9999$/],
    ['a register that is none', bytecode({ opcode: 0xbf, dst: 12, src: 1 }), /no instruction/],
    ['half an ld_imm64', bytecode({ opcode: 0x18 }), /no instruction/],
    ['a packet load without a packet', bytecode({ opcode: 0x30 }, I.exit), /no packet/],
    ['an endless loop', bytecode(I.goto(-1)), /^still running after 10000 instructions$/],
  ])('%s is a fault', (_name, program, want) => {
    expect(run(program)).toMatch(want);
  });
});

it('any bytes at all end with a result or a fault', () => {
  const insn = fc.record({
    opcode: fc.oneof(fc.constantFrom(...allOperations().map(([opcode]) => opcode)), fc.nat(255)),
    dst: fc.nat(11),
    src: fc.nat(11),
    off: fc.integer({ min: -6, max: 6 }),
    imm: fc.integer({ min: -4, max: 20 }),
  });
  fc.assert(
    fc.property(fc.array(insn, { maxLength: 20 }), (insns) => {
      const got = run(bytecode(...insns), buffer);
      expect(['bigint', 'string']).toContain(typeof got);
    }),
    { seed: 7, numRuns: 400 },
  );
});
