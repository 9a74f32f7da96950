import { UsageError } from '../../errors.ts';
import { clearFlowDissector, setFlowDissector } from '../../loader/attach/netns.ts';
import { attachToSockmap, detachFromSockmap, type SockmapHook } from '../../loader/attach/sockmap.ts';
import type { Attachment } from '../../loader/link.ts';
import type { LoadedObject } from '../../loader/loaded.ts';
import type { BpfProgram } from '../../loader/program.ts';
import { type AnyCommand, type Context, command } from '../command.ts';
import { PROG, selectMap, selectProgram } from '../selectors.ts';

/** By the attach type's name, or bpftool's older one, which may be abbreviated. */
const ATTACH_WORDS = [
  ['sk_msg_verdict', 'msg_verdict'],
  ['sk_skb_verdict', 'skb_verdict'],
  ['sk_skb_stream_verdict', 'stream_verdict'],
  ['sk_skb_stream_parser', 'stream_parser'],
  ['flow_dissector', 'flow_dissector'],
] as const satisfies readonly (readonly [SockmapHook | 'flow_dissector', string])[];

export const progAttach: AnyCommand = attachCommand(
  'attach',
  'attaches a program to a map of sockets, or as the flow dissector',
);
export const progDetach: AnyCommand = attachCommand('detach', 'detaches such a program');

function attachCommand(verb: 'attach' | 'detach', about: string): AnyCommand {
  return command<undefined>({
    path: ['prog', verb],
    usage: `${PROG} {${ATTACH_WORDS.map(([type]) => type).join(' | ')}} [MAP]`,
    about,
    run({ kernel }, words) {
      using program = selectProgram(kernel, words);
      const word = words.next('the type of the attachment');
      const type =
        ATTACH_WORDS.find(([name]) => name === word)?.[0] ??
        ATTACH_WORDS.find(([, old]) => word !== '' && old.startsWith(word))?.[0];
      if (type === undefined) {
        throw new UsageError(
          `'${word}' is no such type of attachment; known are ${ATTACH_WORDS.map(([name]) => name).join(', ')}`,
        );
      }
      if (type === 'flow_dissector') {
        words.end();
        (verb === 'attach' ? setFlowDissector : clearFlowDissector)(program);
        return undefined;
      }
      using map = selectMap(kernel, words);
      words.end();
      (verb === 'attach' ? attachToSockmap : detachFromSockmap)(program, map, type);
      return undefined;
    },
    text: () => '',
  });
}

/** Attaches a program as its section says. As with bpftool one whose section says nothing is pinned instead, with a note. */
export function attachItself(context: Context, loaded: LoadedObject, program: BpfProgram): Attachment | undefined {
  const spec = loaded.specOf(program);
  const link = spec === undefined ? undefined : loaded.attachIfSaid(spec);
  if (link === undefined) {
    context.note(`${program.label} does not say by its section where to attach it; it is pinned without`);
  }
  return link;
}
