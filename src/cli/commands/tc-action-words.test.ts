import { describe, expect, it } from 'vitest';
import type { ActionSpec } from '../../loader/tc-action.ts';
import {
  TC_ACT_GOTO_CHAIN,
  TC_ACT_JUMP,
  TC_ACT_OK,
  TC_ACT_PIPE,
  TC_ACT_RECLASSIFY,
  TC_ACT_SHOT,
  TC_ACT_STOLEN,
  TC_ACT_TRAP,
  TC_ACT_UNSPEC,
} from '../../uapi/bpf.ts';
import type { Context } from '../command.ts';
import { Words } from '../words.ts';
import { actionList } from './tc-action-words.ts';

/** These words need no more of it. */
const context = { env: {} } as Context;
const ALL = '1,6 0 0 4294967295,';

/** The actions that words after the first `action` say, and the words that are left. `$B` is a program. */
function read(text: string): { specs: (ActionSpec | 'runs')[][]; rest: string[] } {
  const words = new Words(text.split(' ').map((word) => (word === '$B' ? ALL : word)));
  const actions = actionList(context, words);
  return {
    specs: actions.map(({ program, spec }) => [spec, ...(program ? (['runs'] as const) : [])]),
    rest: words.rest(),
  };
}

describe('actions', () => {
  it.each<[text: string, want: (Partial<ActionSpec> | 'runs')[][], rest: string[]]>([
    ['bpf index 42', [[{ kind: 'bpf', index: 42 }]], []],
    ['bpf i 42', [[{ kind: 'bpf', index: 42 }]], []],
    ['bpf bytecode $B', [[{ kind: 'bpf' }, 'runs']], []],
    ['bpf run bytecode $B', [[{ kind: 'bpf' }, 'runs']], []],
    ['bpf r b $B pass index 3', [[{ kind: 'bpf', control: TC_ACT_OK, index: 3 }, 'runs']], []],
    ['bpf obj x.o sec egress pass index 42', [[{ control: TC_ACT_OK, index: 42 }, 'runs']], []],
    ['bpf obj x.o set a=1 pin m=/p s egress verb ok', [[{ control: TC_ACT_OK }, 'runs']], []],
    ['bpf obj x.o program pass pass', [[{ control: TC_ACT_OK }, 'runs']], []],
    ['bpf object-p /p cont', [[{ control: TC_ACT_UNSPEC }, 'runs']], []],
    ['bpf bc $B drop', [[{ control: TC_ACT_SHOT }, 'runs']], []],
    ['bpf bc $B shot', [[{ control: TC_ACT_SHOT }, 'runs']], []],
    ['bpf bc $B p', [[{ control: TC_ACT_OK }, 'runs']], []],
    ['bpf bc $B pi', [[{ control: TC_ACT_PIPE }, 'runs']], []],
    ['bpf bc $B rec', [[{ control: TC_ACT_RECLASSIFY }, 'runs']], []],
    ['bpf bc $B t', [[{ control: TC_ACT_TRAP }, 'runs']], []],
    ['bpf bc $B goto chain 7', [[{ control: TC_ACT_GOTO_CHAIN | 7 }, 'runs']], []],
    ['bpf bc $B jump 2', [[{ control: TC_ACT_JUMP | 2 }, 'runs']], []],
    ['bpf index 1 cookie 00Ff', [[{ index: 1, cookie: Uint8Array.of(0, 255) }]], []],
    ['bpf index 1 hw_stats disabled', [[{ index: 1, hwStats: 0 }]], []],
    ['bpf index 1 hw imm', [[{ index: 1, hwStats: 1 }]], []],
    ['bpf index 1 no_percpu skip_sw skip_hw', [[{ index: 1, flags: 7 }]], []],
    ['gact drop', [[{ kind: 'gact', control: TC_ACT_SHOT }]], []],
    ['drop index 3', [[{ kind: 'gact', control: TC_ACT_SHOT, index: 3 }]], []],
    ['gact index 3', [[{ kind: 'gact', control: TC_ACT_OK, index: 3 }]], []],
    ['goto chain 9', [[{ kind: 'gact', control: TC_ACT_GOTO_CHAIN | 9 }]], []],
    [
      'drop random netrand pass 10 index 3',
      [[{ kind: 'gact', random: { type: 'netrand', control: TC_ACT_OK, value: 10 }, index: 3 }]],
      [],
    ],
    [
      'gact pass random d drop 2',
      [[{ kind: 'gact', control: TC_ACT_OK, random: { type: 'determ', control: TC_ACT_SHOT, value: 2 } }]],
      [],
    ],
    [
      'mirred egress mirror dev d0',
      [[{ kind: 'mirred', control: TC_ACT_PIPE, mirred: { device: 'd0', direction: 'egress', redirect: false } }]],
      [],
    ],
    [
      'mirred ingress mir index 4 dev d0 drop',
      [[{ control: TC_ACT_SHOT, index: 4, mirred: { device: 'd0', direction: 'ingress' } }]],
      [],
    ],
    [
      'mirred ingress redirect dev d0 index 5',
      [[{ control: TC_ACT_STOLEN, index: 5, mirred: { device: 'd0', direction: 'ingress', redirect: true } }]],
      [],
    ],
    ['mirred egress redirect dev d0 drop', [[{ kind: 'mirred' }], [{ kind: 'gact', control: TC_ACT_SHOT }]], []],
    ['mirred index 6 cookie aa', [[{ kind: 'mirred', index: 6, cookie: Uint8Array.of(0xaa) }]], []],
    ['bpf index 1 action bpf bc $B action drop', [[{ index: 1 }], [{ kind: 'bpf' }, 'runs'], [{ kind: 'gact' }]], []],
    ['bpf index 1 flowid 1:1', [[{ index: 1 }]], ['flowid', '1:1']],
    ['bpf index 1 classid 1:1', [[{ index: 1 }]], ['classid', '1:1']],
    ['bpf index 1 delete', [[{ index: 1 }]], ['delete']],
    // tc takes a verdict here as another action, although the word `action` is missing.
    ['bpf index 1 drop', [[{ index: 1 }], [{ kind: 'gact', control: TC_ACT_SHOT }]], []],
  ])('%s', (text, want, rest) => {
    const { specs, rest: left } = read(text);
    expect(specs).toMatchObject(want);
    expect(left).toEqual(rest);
  });

  it.each([
    ['', 'there is no action'],
    ['bpf', 'what is the action to run?'],
    ['bpf pass', "what mode is 'pass'?"],
    ['bpf bc', 'the bytecode is missing'],
    ['nosuch', "there is no action 'nosuch' here"],
    ['bpf index 1 da', "there is no action 'da' here"],
    ['b index 1', "there is no action 'b' here"],
    ['gact', 'a verdict is missing'],
    ['gact nosuch', 'a verdict is missing'],
    ['drop random pass 10', "'netrand' or 'determ' expected"],
    ['drop random netrand 10', 'a verdict is missing after netrand'],
    ['drop random determ pass', 'one in how many is missing'],
    ['drop random determ pass 10001', 'no decimal number up to 10000'],
    ['mirred', "'egress' or 'ingress' expected"],
    ['mirred egress dev d0', "'mirror' or 'redirect' expected"],
    ['mirred mirror egress dev d0', "'egress' or 'ingress' expected"],
    ['mirred egress mirror', "'dev' expected"],
    ['mirred egress mirror dev', 'the name of the device is missing'],
    ['goto 9', "'chain' expected"],
    ['goto chain 0x9', 'no decimal number'],
    ['goto chain 268435456', 'no decimal number up to 268435455'],
    ['jump', 'the number of actions to skip is missing'],
    ['bpf index x', "index: 'x' is no decimal number"],
    ['bpf index 4294967296', 'no decimal number'],
    ['bpf index 1 cookie', 'the cookie is missing'],
    ['bpf index 1 cookie abc', "cookie 'abc': up to 32 hex digits"],
    ['bpf index 1 cookie 0x1', "cookie '0x1': up to 32 hex digits"],
    [`bpf index 1 cookie ${'00'.repeat(17)}`, 'up to 32 hex digits'],
    ['bpf index 1 hw_stats often', "'immediate' or 'delayed' or 'disabled' expected"],
    ['bpf index 1 action', "no action after 'action'"],
    ['bpf index 1 action flowid 1:1', "no action after 'action'"],
  ])('%s is none', (text, want) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ name: 'UsageError', message: expect.stringContaining(want) }),
    );
  });
});
