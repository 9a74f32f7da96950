import { helper } from './helper.ts';

/** Listed for the check of programs and their prototypes. The interpreter itself makes the jump: on success nothing returns. */
export const tail_call = helper({
  id: 12,
  name: 'tail_call',
  args: ['ctx', 'const_map_ptr', 'anything'],
  returns: 'void',
  call: (env) => env.fail('a tail call was called as a function'),
});
