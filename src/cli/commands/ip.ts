import { UsageError } from '../../errors.ts';
import { addDevice, deleteDevice, findDevice, listDevices, setDeviceUp } from '../../loader/devices.ts';
import type { Link } from '../../net/index.ts';
import { IFF_BROADCAST, IFF_LOOPBACK, IFF_LOWER_UP, IFF_NOARP, IFF_UP } from '../../uapi/netlink.ts';
import { command } from '../command.ts';
import type { Words } from '../words.ts';

export const linkShow = command<{ links: readonly Link[]; names: ReadonlyMap<number, string> }>({
  path: ['ip', 'link', 'show'],
  usage: '[[dev] NAME]',
  about: 'lists the network devices',
  run({ kernel }, words) {
    words.exact('dev');
    const links = listDevices(kernel);
    const names = new Map(links.map((link) => [link.ifindex, link.name ?? '']));
    if (words.done) return { links, names };
    return { links: [findDevice(kernel, words.next('the name of the device'))], names };
  },
  text: ({ links, names }) => links.map((link) => linkText(link, names)).join('\n'),
  json: ({ links, names }) =>
    links.map((link) => ({
      ifindex: link.ifindex,
      link: peerName(link, names),
      ifname: link.name,
      flags: flagNames(link),
      mtu: link.mtu,
      kind: link.kind,
      address: address(link),
      stats64: link.stats && {
        rx: { bytes: link.stats.rxBytes, packets: link.stats.rxPackets, dropped: link.stats.rxDropped },
        tx: { bytes: link.stats.txBytes, packets: link.stats.txPackets, dropped: link.stats.txDropped },
      },
    })),
});

// biome-ignore format: aligned table
const FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [IFF_LOOPBACK, 'LOOPBACK'], [IFF_BROADCAST, 'BROADCAST'], [IFF_NOARP, 'NOARP'], [IFF_UP, 'UP'], [IFF_LOWER_UP, 'LOWER_UP'],
];

function flagNames({ flags = 0 }: Link): string[] {
  return FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
}

function peerName({ link }: Link, names: ReadonlyMap<number, string>): string | undefined {
  return link === undefined || link === 0 ? undefined : (names.get(link) ?? `if${link}`);
}

function address({ address: bytes }: Link): string | undefined {
  return bytes && Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function linkText(link: Link, names: ReadonlyMap<number, string>): string {
  const peer = peerName(link, names);
  const state = ((link.flags ?? 0) & IFF_UP) !== 0 ? 'UP' : 'DOWN';
  const kind = ((link.flags ?? 0) & IFF_LOOPBACK) !== 0 ? 'loopback' : (link.kind ?? 'ether');
  return [
    `${link.ifindex}: ${link.name}${peer === undefined ? '' : `@${peer}`}: <${flagNames(link).join(',')}> mtu ${link.mtu} state ${state}`,
    `    ${kind} ${address(link) ?? ''}`.trimEnd(),
  ].join('\n');
}

export const linkAdd = command<undefined>({
  path: ['ip', 'link', 'add'],
  usage: '[dev] NAME type {veth [peer name NAME] | dummy}',
  about: 'makes a network device',
  run({ kernel }, words) {
    words.exact('dev', 'name');
    const name = words.next('the name of the device');
    words.expect('type');
    const kind = words.expect('veth', 'dummy');
    if (kind === 'dummy') {
      addDevice(kernel, { kind, name });
      return undefined;
    }
    let peer = `${name}p`;
    if (words.exact('peer') !== undefined) {
      words.exact('name');
      peer = words.next('the name of the other end');
    }
    words.end();
    addDevice(kernel, { kind, name, peer });
    return undefined;
  },
  text: () => '',
});

export const linkDelete = command<undefined>({
  path: ['ip', 'link', 'delete'],
  usage: '[dev] NAME',
  about: 'removes a network device, and the other end of a veth',
  run({ kernel }, words) {
    deleteDevice(kernel, deviceName(words));
    return undefined;
  },
  text: () => '',
});

export const linkSet = command<undefined>({
  path: ['ip', 'link', 'set'],
  usage: '[dev] NAME {up | down}',
  about: 'turns a network device on or off',
  run({ kernel }, words) {
    const name = deviceName(words);
    const state = words.exact('up', 'down');
    if (state === undefined) throw new UsageError(`'up' or 'down' expected for device ${name}`);
    words.end();
    setDeviceUp(kernel, name, state === 'up');
    return undefined;
  },
  text: () => '',
});

function deviceName(words: Words): string {
  words.exact('dev');
  return words.next('the name of the device');
}
