import { BpfError, NotSupportedError, UsageError } from '../../errors.ts';
import { credentials, knownCapabilities } from '../../loader/capabilities.ts';
import { type Features, probeFeatures } from '../../loader/features.ts';
import { ATTACH_TYPES, LINK_TYPES, MAP_TYPES, PROG_TYPES } from '../../uapi/bpf.ts';
import { HELPERS } from '../../uapi/helpers.ts';
import { type Context, command } from '../command.ts';
import type { Words } from '../words.ts';
import { featuresJson, featuresText } from './feature-text.ts';

/** What the kernels of our tables know, by number. */
const BUILTINS = {
  prog_types: PROG_TYPES,
  map_types: MAP_TYPES,
  attach_types: ATTACH_TYPES,
  link_types: LINK_TYPES,
  helpers: HELPERS.map((name) => `bpf_${name}`),
} as const satisfies Record<string, readonly string[]>;

interface Request {
  readonly device: string | undefined;
  readonly full: boolean;
  readonly unprivileged: boolean;
}

export const featureProbe = command<Features>({
  path: ['feature', 'probe'],
  usage: '[kernel | dev NAME] [full] [unprivileged]',
  about: 'asks the kernel, or a device that runs programs itself, which types, helpers and instructions it has',
  run(context, words) {
    const { device, full, unprivileged } = request(words);
    checkPrivileges(context, unprivileged);
    const features = probeFeatures(context.kernel, { device, full });
    if (features.system !== undefined && features.system.options === undefined)
      context.note('the kernel does not show its configuration: no CONFIG_ options');
    return features;
  },
  text: featuresText,
  json: featuresJson,
});

export const featureListBuiltins = command<readonly string[]>({
  path: ['feature', 'list_builtins'],
  usage: '{prog_types | map_types | attach_types | link_types | helpers}',
  about: 'lists the names that skep knows, by number; asks no kernel',
  run(_context, words) {
    const group = words.expect('prog_types', 'map_types', 'attach_types', 'link_types', 'helpers');
    words.end();
    return BUILTINS[group];
  },
  text: (names) => names.join('\n'),
});

function request(words: Words): Request {
  let component: string | undefined;
  let device: string | undefined;
  let full = false;
  let unprivileged = false;
  while (!words.done) {
    const word = words.expect('kernel', 'dev', 'full', 'unprivileged');
    if (word === 'full') full = true;
    else if (word === 'unprivileged') unprivileged = true;
    else if (component !== undefined)
      throw new UsageError(`'${word}' after '${component}': one component is probed at a time`);
    else {
      component = word;
      if (word === 'dev') device = words.next('the name of the device');
    }
  }
  return { device, full, unprivileged };
}

/** A kernel that does not permit something looks as if it had not got it: so the user must know. */
function checkPrivileges({ kernel }: Context, unprivileged: boolean): void {
  const held = credentials(kernel)?.capabilities;
  if (held === undefined) return; // a kernel without privileges
  if (unprivileged && held.size > 0) {
    throw new NotSupportedError(`feature probe unprivileged as a process that has ${[...held].join(', ')}`, {
      instead:
        'start it without: `setpriv --reuid 65534 --clear-groups --inh-caps=-all skep feature probe unprivileged`',
    });
  }
  const missing = knownCapabilities(kernel).filter((name) => !held.has(name));
  if (!unprivileged && missing.length > 0) {
    throw new BpfError(
      'EPERM',
      `feature probe needs ${missing.join(', ')} to see all of the kernel: run it as root, or say 'unprivileged' to see what it permits`,
    );
  }
}
