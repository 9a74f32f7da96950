import type { Direction, PacketLab } from '../../sys/lab.ts';
import type { Clock } from './clock.ts';
import type { Fault } from './interp/fault.ts';
import { interpreterOf } from './interp/interpreter.ts';
import type { Machine } from './machine.ts';
import type { Injected } from './net/network.ts';

export type { Injected } from './net/network.ts';

/** What one can do to the embedded kernel that no system call does. */
export interface EmbeddedLab extends PacketLab {
  /** As `send`, and says what the hook there made of the frame. Throws SysError: ENODEV, ENETDOWN, EINVAL, EMSGSIZE, ENOMEM. */
  inject(device: string, direction: Direction, frame: Uint8Array): Injected;
  /** Programs that did not end as they should: the last 1000, oldest first. */
  readonly faults: readonly Fault[];
  /** A manual clock moves only by `clock.advance(ns)`. */
  readonly clock: Pick<Clock, 'now' | 'advance'>;
  /** The devices, by growing ifindex. */
  devices(): readonly LabDevice[];
  /** Instructions after which a run is given up. */
  budget: number;
}

export interface LabDevice {
  readonly ifindex: number;
  readonly name: string;
  readonly kind: 'loopback' | 'veth' | 'dummy';
  readonly up: boolean;
}

export function createLab(machine: Machine): EmbeddedLab {
  const interpreter = interpreterOf(machine);
  return {
    send(device, direction, frame) {
      machine.network.inject(device, direction, frame);
    },
    inject: (device, direction, frame) => machine.network.inject(device, direction, frame),
    get faults() {
      return interpreter.faults;
    },
    clock: machine.clock,
    devices: () => machine.network.devices.map(({ ifindex, name, kind, up }) => ({ ifindex, name, kind, up })),
    get budget() {
      return interpreter.budget;
    },
    set budget(instructions) {
      interpreter.budget = instructions;
    },
  };
}
