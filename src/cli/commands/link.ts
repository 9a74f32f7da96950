import { listDevices } from '../../loader/devices.ts';
import { findSymbolNames } from '../../loader/kallsyms.ts';
import { listLinks } from '../../loader/link.ts';
import type { LinkInfo } from '../../loader/link-info.ts';
import { openProgram } from '../../loader/program.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { command } from '../command.ts';
import { PROG, selectLink, selectProgram } from '../selectors.ts';
import { type LinkRow, linkJson, linkText } from './link-text.ts';

const LINK = '{id N | pinned FILE}';

export const linkShow = command<{ links: LinkRow[]; single: boolean }>({
  path: ['link', 'show'],
  usage: `[${LINK}]`,
  about: 'lists the links of the kernel: programs at hooks, which stay as long as something holds them',
  run({ kernel }, words) {
    if (words.done) return { links: rows(kernel, [...listLinks(kernel)]), single: false };
    using link = selectLink(kernel, words);
    words.end();
    return { links: rows(kernel, [link.info]), single: true };
  },
  text: ({ links }) => links.map(linkText).join('\n'),
  json: ({ links, single }) => (single ? links.map(linkJson)[0] : links.map(linkJson)),
});

/** With what the kernel tells by other calls. */
function rows(kernel: Kernel, infos: readonly LinkInfo[]): LinkRow[] {
  const onDevices = infos.some(({ type }) => type === 'xdp' || type === 'tcx' || type === 'netkit');
  const devices = new Map(onDevices ? listDevices(kernel).map(({ ifindex, name }) => [ifindex, name ?? '']) : []);
  const addresses = infos.flatMap((info) =>
    info.type === 'kprobe_multi' ? info.functions.map(({ address }) => address) : [],
  );
  const symbols = findSymbolNames(kernel, addresses);
  return infos.map((info) => ({
    info,
    progType: info.type === 'tracing' ? progType(kernel, info) : undefined,
    device: (ifindex) => devices.get(ifindex),
    symbol: (address) => symbols.get(address),
  }));
}

function progType(kernel: Kernel, { progId }: LinkInfo): string | number {
  using program = openProgram(kernel, { id: progId });
  return program.info.type;
}

export const linkPin = command<undefined>({
  path: ['link', 'pin'],
  usage: `${LINK} FILE`,
  about: 'keeps a link in bpffs',
  run({ kernel }, words) {
    using link = selectLink(kernel, words);
    const path = words.next('the path to pin the link at');
    words.end();
    link.pin(path);
    return undefined;
  },
  text: () => '',
});

export const linkUpdate = command<undefined>({
  path: ['link', 'update'],
  usage: `${LINK} ${PROG} [old ${PROG}]`,
  about: 'puts another program in the place of the present one, in one step; `old`: only if this is the present one',
  run({ kernel }, words) {
    using link = selectLink(kernel, words);
    using program = selectProgram(kernel, words);
    using old = words.keyword('old') === undefined ? undefined : selectProgram(kernel, words);
    words.end();
    link.update(program, { old });
    return undefined;
  },
  text: () => '',
});

export const linkDetach = command<undefined>({
  path: ['link', 'detach'],
  usage: LINK,
  about: 'takes the program from its hook; the link itself stays as long as something holds it',
  run({ kernel }, words) {
    using link = selectLink(kernel, words);
    words.end();
    link.forceDetach();
    return undefined;
  },
  text: () => '',
});
