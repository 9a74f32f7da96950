import { describe, expect, it } from 'vitest';
import { valueText } from './describe.ts';
import { parseState, parseValue, rangeText } from './state.ts';

describe('a value of the log, in words', () => {
  it.each([
    ['0', 'the number 0'],
    ['-8', 'the number -8'],
    ['0xffffffff', 'the number 4294967295'],
    ['P5', 'the number 5'],
    ['inv7', 'the number 7'],
    ['invP0', 'the number 0'],
    ['scalar()', 'a number: any number'],
    ['inv(id=0)', 'a number: any number'],
    ['scalar(smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))', 'a number: 0 to 255'],
    ['Pscalar(umax=15)', 'a number: 0 to 15'],
    ['inv(id=0,umax_value=255,var_off=(0x0; 0xff))', 'a number: 0 to 255'],
    ['inv(id=3,smax_value=15)', 'a number: at most 15, and maybe below 0'],
    ['scalar(smin=-128,smax=127)', 'a number: -128 to 127'],
    ['scalar(umin=4)', 'a number: at least 4'],
    ['ctx()', "a pointer to the program's context"],
    ['ctx(id=0,off=0,imm=0)', "a pointer to the program's context"],
    ['fp0', 'the frame pointer'],
    ['fp-8', 'a pointer to the stack (fp-8)'],
    ['map_value(map=hits,ks=4,vs=16,off=8)', 'a pointer to a value of map hits, 16 bytes long, moved by 8 bytes'],
    [
      'map_value(id=0,off=0,ks=4,vs=16,umax_value=31,var_off=(0x0; 0x1f))',
      'a pointer to a value of a map, 16 bytes long, moved by 0 to 31 bytes',
    ],
    ['map_value_or_null(id=1,map=hits,ks=4,vs=4)', 'a pointer to a value of map hits, or NULL, 4 bytes long'],
    ['pkt(off=14,r=14)', 'a pointer to packet data, moved by 14 bytes, of which 14 bytes are checked'],
    ['pkt(r=0)', 'a pointer to packet data, of which nothing is checked yet'],
    ['pkt_end()', 'a pointer to the end of the packet'],
    ['trusted_ptr_task_struct()', 'a pointer to a trusted struct task_struct of the kernel'],
    ['rdonly_untrusted_mem(sz=0)', 'a pointer to read-only untrusted memory of a known size, 0 bytes long'],
    ['ringbuf_mem_or_null(id=2,ref_obj_id=2,sz=8)', 'a pointer to a record of a ring buffer, or NULL, 8 bytes long'],
    ['mmmm????', 'bytes on the stack'],
  ])('%s', (text, want) => {
    expect(valueText(parseValue(text))).toBe(want);
  });
});

it('finds registers and slots in a line of any kernel', () => {
  const state = parseState(
    ' R0_w=inv(id=0,umax_value=1) R1=scalar(smin=0,var_off=(0x0; 0xff)) R10=fp0 fp-8_w=mmmmmmmm fp-16=1 refs=2',
  );
  expect([...state.keys()]).toEqual(['R0', 'R1', 'R10', 'fp-8', 'fp-16']);
  expect(rangeText(state.get('R0')?.range ?? parseValue('5').range)).toBe('0 to 1');
});
