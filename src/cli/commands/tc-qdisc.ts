import { UsageError } from '../../errors.ts';
import { listDevices } from '../../loader/devices.ts';
import { deleteQdisc, listQdiscs, type QdiscVerb, type SharedBlocks, setQdisc } from '../../loader/tc.ts';
import { formatClassid, type Qdisc } from '../../net/index.ts';
import { type AnyCommand, command } from '../command.ts';
import type { Words } from '../words.ts';

export const qdiscShow = command<{ qdiscs: readonly Qdisc[]; names: ReadonlyMap<number, string>; filtered: boolean }>({
  path: ['tc', 'qdisc', 'show'],
  usage: '[dev NAME]',
  about: 'lists the qdiscs',
  run({ kernel }, words) {
    const device = words.exact('dev') === undefined ? undefined : words.next('the name of the device');
    const names = new Map(listDevices(kernel).map((link) => [link.ifindex, link.name ?? '']));
    return { qdiscs: listQdiscs(kernel, device).filter(isClsact), names, filtered: device !== undefined };
  },
  text: ({ qdiscs, names, filtered }) =>
    qdiscs
      .map(({ kind, handle, parent, ifindex, ingressBlock, egressBlock }) =>
        [
          `qdisc ${kind} ${formatClassid(handle)} `,
          filtered ? '' : `dev ${names.get(ifindex) ?? ifindex} `,
          `parent ${formatClassid(parent)} `,
          ingressBlock ? `ingress_block ${ingressBlock} ` : '',
          egressBlock ? `egress_block ${egressBlock} ` : '',
          kind === 'ingress' ? '---------------- ' : '',
        ].join(''),
      )
      .join('\n'),
  json: ({ qdiscs, names, filtered }) =>
    qdiscs.map(({ kind, handle, parent, ifindex, ingressBlock, egressBlock }) => ({
      kind,
      handle: formatClassid(handle),
      dev: filtered ? undefined : names.get(ifindex),
      parent: formatClassid(parent),
      ingress_block: ingressBlock || undefined,
      egress_block: egressBlock || undefined,
      options: {},
    })),
});

/** Only what can hold bpf filters here is listed: the queueing qdiscs of a running kernel are none of ours. */
function isClsact({ kind }: Qdisc): boolean {
  return kind === 'clsact' || kind === 'ingress';
}

export const qdiscCommands: readonly AnyCommand[] = (['add', 'replace', 'change', 'delete'] as const).map((verb) =>
  command<undefined>({
    path: ['tc', 'qdisc', verb],
    usage: 'dev NAME [handle ffff:] [ingress_block N] [egress_block N] {clsact | ingress}',
    about: {
      add: 'makes the qdisc that filters hang on; its blocks of filters may be shared by their numbers',
      replace: 'makes it if it is not there',
      change: 'fails if it is not there',
      delete: 'removes it, with its filters',
    }[verb],
    run({ kernel }, words) {
      const { device, kind, blocks } = qdiscWords(words);
      if (verb === 'delete') deleteQdisc(kernel, device, kind);
      else setQdisc(kernel, device, kind, verb satisfies QdiscVerb, blocks);
      return undefined;
    },
    text: () => '',
  }),
);

function qdiscWords(words: Words): { device: string; kind: 'clsact' | 'ingress'; blocks: SharedBlocks } {
  let device: string | undefined;
  const blocks: { ingress?: number; egress?: number } = {};
  while (words.peek() !== 'ingress') {
    if (words.exact('dev') !== undefined) device = words.next('the name of the device');
    else if (words.keyword('ingress_block') !== undefined) blocks.ingress = words.number('ingress_block', 1);
    else if (words.keyword('egress_block') !== undefined) blocks.egress = words.number('egress_block', 1);
    else if (!takeHandle(words)) break;
  }
  if (device === undefined) throw new UsageError("'dev NAME' is missing");
  const kind = words.exact('clsact', 'ingress');
  if (kind === undefined) throw new UsageError(`'clsact' or 'ingress' expected; other qdiscs are not made by skep`);
  if (kind === 'ingress') takeHandle(words);
  words.end();
  return { device, kind, blocks };
}

/** `handle ffff:`, which says nothing: the kernel gives these qdiscs no other. */
function takeHandle(words: Words): boolean {
  if (words.exact('handle') === undefined) return false;
  const handle = words.next('the handle');
  if (!/^(0x)?ffff:0*$/i.test(handle))
    throw new UsageError(`handle '${handle}': that of clsact and ingress is always ffff:`);
  return true;
}
