import { TC_H_ROOT, TC_H_UNSPEC } from '../uapi/netlink.ts';

/**
 * `MAJ:MIN` in hex, as tc writes handles, parents and class ids: `MAJ:`, `:MIN`, `root` (ffff:ffff), `none` (0), or a bare hex number, which is
 * all 32 bits. `undefined` if `text` is none of these or a half is over ffff.
 */
export function parseClassid(text: string): number | undefined {
  if (text === 'root') return TC_H_ROOT;
  if (text === 'none') return TC_H_UNSPEC;
  const [, major, colon, minor] = /^(?:0x)?([0-9a-f]*)(?:(:)(?:0x)?([0-9a-f]*))?$/i.exec(text) ?? [];
  if (major === undefined || text === '' || text === ':') return undefined;
  const high = Number.parseInt(major || '0', 16);
  if (colon === undefined) return major !== '' && high <= 0xffffffff ? high : undefined;
  const low = Number.parseInt(minor || '0', 16);
  return high <= 0xffff && low <= 0xffff ? high * 0x10000 + low : undefined;
}

/** As tc prints it: `root`, `none`, `:MIN`, `MAJ:` or `MAJ:MIN`. */
export function formatClassid(classid: number): string {
  if (classid === TC_H_ROOT) return 'root';
  if (classid === TC_H_UNSPEC) return 'none';
  const major = classid >>> 16;
  const minor = classid & 0xffff;
  if (major === 0) return `:${minor.toString(16)}`;
  return `${major.toString(16)}:${minor === 0 ? '' : minor.toString(16)}`;
}
