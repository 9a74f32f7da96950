import { helper } from './helper.ts';

/** What gives programs objects of the kernel, its functions, is not here: there is only NULL to put in, and to take out. */
export const kptr_xchg = helper({
  id: 194,
  name: 'kptr_xchg',
  args: ['kptr', 'wide'],
  returns: 'map_value_or_null',
  call: (env, _field, { low, high }) => (low === 0 && high === 0 ? 0 : env.fail('R2 of the call is no object')),
});
