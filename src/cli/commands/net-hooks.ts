import { UsageError } from '../../errors.ts';
import { attachProgramToDevice, attachToDevice, detachProgramFromDevice } from '../../loader/attach/tcx.ts';
import { attachXdp, setXdp, type XdpMode } from '../../loader/attach/xdp.ts';
import { findDevice } from '../../loader/devices.ts';
import { type NetPrograms, netPrograms, type TcProgram, type XdpPrograms } from '../../loader/net-programs.ts';
import { command } from '../command.ts';
import { PROG, selectProgram } from '../selectors.ts';
import type { Words } from '../words.ts';
import { pinLink, pinWord } from './link-words.ts';
import { netfilterPlace } from './netfilter-text.ts';

/** bpftool's words for the hooks of a device; the first that begins with the user's word is meant. */
const HOOKS = [
  ['xdp', { xdp: undefined }],
  ['xdpgeneric', { xdp: 'generic' }],
  ['xdpdrv', { xdp: 'driver' }],
  ['xdpoffload', { xdp: 'offload' }],
  ['tcx_ingress', { tcx: 'tcx_ingress' }],
  ['tcx_egress', { tcx: 'tcx_egress' }],
] as const satisfies readonly (readonly [
  string,
  { readonly xdp: XdpMode | undefined } | { readonly tcx: 'tcx_ingress' | 'tcx_egress' },
])[];
const HOOK_USAGE = `{${HOOKS.map(([name]) => name).join(' | ')}}`;

export const netAttach = command<undefined>({
  path: ['net', 'attach'],
  usage: `${HOOK_USAGE} ${PROG} dev DEV [overwrite | prepend] [pin FILE]`,
  about:
    'attaches a program to a device until it is detached, or (pin) for as long as a link that is pinned; `overwrite` (xdp) replaces, `prepend` (tcx) goes first',
  run({ kernel }, words) {
    const hook = hookWord(words);
    using program = selectProgram(kernel, words);
    const device = deviceWord(words);
    const how = words.keyword('overwrite', 'prepend');
    const path = pinWord(words);
    words.end();
    if ('tcx' in hook) {
      if (how === 'overwrite') throw new UsageError("'overwrite' is for xdp; tcx holds several programs");
      const position = how === 'prepend' ? { before: 'all' as const } : {};
      if (path === undefined) attachProgramToDevice(program, device, hook.tcx, position);
      else pinLink(attachToDevice(program, device, hook.tcx, position), path);
    } else {
      if (how === 'prepend') throw new UsageError("'prepend' is for tcx; a device has one xdp program");
      if (how === 'overwrite' && path !== undefined) throw new UsageError('a link replaces no other program');
      if (path !== undefined) pinLink(attachXdp(program, device, { mode: hook.xdp }), path);
      else setXdp(kernel, device, program, { mode: hook.xdp, expected: how === 'overwrite' ? undefined : 'none' });
    }
    return undefined;
  },
  text: () => '',
});

export const netDetach = command<undefined>({
  path: ['net', 'detach'],
  usage: `${HOOK_USAGE} dev DEV`,
  about: 'detaches the xdp program of a device, or its last tcx program',
  run({ kernel }, words) {
    const hook = hookWord(words);
    const device = deviceWord(words);
    words.end();
    if ('tcx' in hook) detachProgramFromDevice(kernel, device, hook.tcx);
    else setXdp(kernel, device, undefined, { mode: hook.xdp });
    return undefined;
  },
  text: () => '',
});

function hookWord(words: Words): (typeof HOOKS)[number][1] {
  const word = words.next('the type of the attachment');
  const found = HOOKS.find(([name]) => word !== '' && name.startsWith(word));
  if (found !== undefined) return found[1];
  throw new UsageError(`'${word}' is no hook of a device; known are ${HOOKS.map(([name]) => name).join(', ')}`);
}

function deviceWord(words: Words): string {
  words.expect('dev');
  return words.next('the name of the device');
}

export const netShow = command<NetPrograms>({
  path: ['net', 'show'],
  usage: '[dev DEV]',
  about: 'lists the programs on devices and in this network namespace',
  run({ kernel }, words) {
    const device = words.done ? undefined : findDevice(kernel, deviceWord(words)).ifindex;
    words.end();
    return netPrograms(kernel, device);
  },
  text: ({ xdp, tc, flowDissector, netfilter }) =>
    [
      ['xdp:', ...xdp.map(xdpText)],
      ['tc:', ...tc.map(tcText)],
      ['flow_dissector:', ...flowDissector.map((id) => `id ${id}`)],
      [
        'netfilter:',
        ...netfilter.map(
          ({ pf, hook, priority, progId }) => `\t${netfilterPlace(pf, hook)} prio ${priority} prog_id ${progId}`,
        ),
      ],
    ]
      .map((section) => `${section.join('\n')}\n`)
      .join('\n'),
  json: ({ xdp, tc, flowDissector, netfilter }) => [
    {
      xdp: xdp.map(({ device, ifindex, programs }) => {
        const [only] = programs;
        return {
          devname: device,
          ifindex,
          ...(programs.length === 1 ? only : { multi_attachments: programs }),
        };
      }),
      tc: tc.map(tcJson),
      flow_dissector: flowDissector.map((id) => ({ id })),
      netfilter: netfilter.map(({ pf, hook, priority, flags, progId }) => ({
        pf,
        hook,
        prio: priority,
        flags,
        id: progId,
      })),
    },
  ],
});

function xdpText({ device, ifindex, programs }: XdpPrograms): string {
  return `${device}(${ifindex})${programs.map(({ mode, id }) => ` ${mode} id ${id}`).join('')}`;
}

function tcText(program: TcProgram): string {
  const { device, ifindex, kind, name, id } = program;
  const head = `${device}(${ifindex}) ${kind}${name === undefined ? '' : ` ${name}`}`;
  if (!('linkId' in program)) return `${head} id ${id}${actionsText(program.actions)}`;
  return `${head} prog_id ${id} ${program.linkId === undefined ? '' : `link_id ${program.linkId} `}`;
}

function actionsText(actions: Extract<TcProgram, { actions: unknown }>['actions']): string {
  if (actions.length === 0) return '';
  return ` act [${actions.map(({ name, id }) => `${name ?? ''} id ${id}`).join(' ')}]`;
}

function tcJson(program: TcProgram): object {
  const { device, ifindex, kind, name, id } = program;
  const head = { devname: device, ifindex, kind, name };
  if (!('linkId' in program)) {
    return { ...head, id, act: program.actions.length === 0 ? undefined : program.actions };
  }
  const link = program.linkId === undefined ? { link_id: 0 } : { link_id: program.linkId };
  return { ...head, prog_id: id, prog_flags: [], ...link, link_flags: [] };
}
