import { errno } from '../../../uapi/errno.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { NetnsLink } from '../links/netns-link.ts';
import type { Device } from '../net/device.ts';
import { Placed } from '../placed.ts';
import type { BpfProg } from '../progs/prog.ts';
import { SkLookup } from '../progs/sk-lookup.ts';
import type { Flow } from '../sockets/endpoint.ts';
import type { Socket } from '../sockets/socket.ts';

export type NetnsHook = 'flow_dissector' | 'sk_lookup';

/** Links that a hook takes. */
const MAX_LINKS: Readonly<Record<NetnsHook, number>> = { flow_dissector: 1, sk_lookup: 64 };
const SK_PASS = 1;

/** What programs made of a lookup: a socket, no opinion, or that there is none. */
export type Selection =
  | { readonly verdict: 'pass'; readonly socket: Socket | undefined; readonly final: boolean }
  | { readonly verdict: 'drop' };
const NO_OPINION: Selection = { verdict: 'pass', socket: undefined, final: false };

/** The programs of a network namespace. */
export class NetnsPrograms {
  readonly #links: Readonly<Record<NetnsHook, NetnsLink[]>> = { flow_dissector: [], sk_lookup: [] };
  /** The flow dissector that was attached without a link. It is held. */
  #dissector: BpfProg | undefined;

  /** 0 or -errno. */
  add(link: NetnsLink): number {
    const links = this.#links[link.hook];
    if (links.length >= MAX_LINKS[link.hook]) return -errno.E2BIG;
    if (link.hook === 'flow_dissector' && this.#dissector !== undefined) return -errno.EEXIST;
    links.push(link);
    return 0;
  }
  remove(link: NetnsLink): void {
    const links = this.#links[link.hook];
    const at = links.indexOf(link);
    if (at >= 0) links.splice(at, 1);
  }

  /** BPF_PROG_ATTACH and BPF_PROG_DETACH of a flow dissector. 0 or -errno. */
  attachDissector(prog: BpfProg): number {
    if (this.#links.flow_dissector.length > 0) return -errno.EEXIST;
    if (this.#dissector === prog) return -errno.EINVAL;
    this.#dissector?.put();
    this.#dissector = prog.get();
    return 0;
  }
  detachDissector(prog: BpfProg): number {
    if (this.#links.flow_dissector.length > 0) return -errno.EINVAL;
    if (this.#dissector !== prog) return -errno.ENOENT;
    this.#dissector = undefined;
    prog.put();
    return 0;
  }

  /** In the order in which they run. */
  of(hook: NetnsHook): readonly BpfProg[] {
    const programs = this.#links[hook].map(({ prog }) => prog);
    return hook === 'flow_dissector' && this.#dissector !== undefined ? [this.#dissector, ...programs] : programs;
  }

  /** Lets all programs see a lookup. The last that chose a socket decides; without one, any that drops. */
  selectSocket(flow: Flow, device: Device): Selection {
    const programs = this.of('sk_lookup');
    if (programs.length === 0) return NO_OPINION;
    const lookup = new SkLookup(flow, device);
    const { machine } = device.network;
    const asked = lookup.context();
    using context = Placed.put(machine.memory, asked);
    if (context === undefined) return NO_OPINION;
    let chosen: Selection | undefined;
    let dropped = false;
    for (const prog of programs) {
      machine.memory.u8.set(asked, context.address);
      const { value, fault } = interpreterOf(machine).runProgram(prog, context.address, lookup);
      const pass = fault === undefined && value === SK_PASS;
      if (pass && lookup.selected !== undefined)
        chosen = { verdict: 'pass', socket: lookup.selected, final: lookup.noReuseport };
      else if (!pass) dropped = true;
      lookup.selected = undefined;
    }
    return chosen ?? (dropped ? { verdict: 'drop' } : NO_OPINION);
  }

  /** The namespace goes. */
  clear(): void {
    for (const link of [...this.#links.flow_dissector, ...this.#links.sk_lookup]) link.leave();
    this.#dissector?.put();
    this.#dissector = undefined;
  }
}
