import { conditionOf, type Event } from './follow.ts';
import { leads } from './log.ts';
import type { Path } from './path.ts';
import type { Parts, Traced } from './trace.ts';

/** Where something was acquired that is not given back, and which way the path went since. */
export function traceReference(path: Path, { insn }: Parts): Traced {
  const number = insn === undefined ? undefined : Number(insn);
  const start = path.steps.findLastIndex(
    (step, i) =>
      (number === undefined
        ? /^call .*(reserve|acquire|lookup_tcp|lookup_udp|get_task|obj_new)/.test(step.text)
        : step.insn === number) && i < path.end,
  );
  if (start < 0) return { clues: [] };
  const effect = path.effect(start);
  const name = effect.kind === 'call' ? `${effect.name}()` : 'this call';
  const clues: Event[] = [{ at: start, says: `${name} gives the program something that it must give back` }];
  return {
    clues: [...clues, ...branches(path, start)],
    missing: `nothing on the way from there to the end gives it back`,
  };
}

/** The last jumps of a path: which way it went. */
function branches(path: Path, start: number): readonly Event[] {
  const events: Event[] = [];
  for (let i = start + 1; i < path.end; i++) {
    const [here, next] = [path.steps[i], path.steps[i + 1]];
    if (here !== undefined && next !== undefined && next.insn > here.insn + 2 && !leads(here.text))
      events.push({ at: i, says: `a branch after this instruction leads on to instruction ${next.insn}` });
    if (path.effect(i).kind !== 'jump' || path.depth(i) !== path.depth(path.end)) continue;
    events.push({
      at: i,
      says: `the path goes on where ${conditionOf(path, i)} is ${path.jumps(i) ? '' : 'not '}true`,
    });
  }
  return events.slice(-4);
}

/** Calls that begin and end a region, by the words that the kernel uses for it. */
const REGIONS: readonly { readonly enter: RegExp; readonly leave: RegExp; readonly text: string }[] = [
  { enter: /^bpf_(res_)?spin_lock/, leave: /^bpf_(res_)?spin_unlock/, text: 'the lock is taken' },
  { enter: /^bpf_rcu_read_lock$/, leave: /^bpf_rcu_read_unlock$/, text: 'the RCU region begins' },
  { enter: /^bpf_preempt_disable$/, leave: /^bpf_preempt_enable$/, text: 'preemption is switched off' },
  { enter: /^bpf_local_irq_save$/, leave: /^bpf_local_irq_restore$/, text: 'interrupts are switched off' },
];

/** The call that entered the region which is still open. */
export function traceRegion(path: Path): Traced {
  const open: Event[] = [];
  for (let i = 0; i < path.end; i++) {
    const effect = path.effect(i);
    if (effect.kind !== 'call') continue;
    const entered = REGIONS.find(({ enter }) => enter.test(effect.name));
    if (entered !== undefined) open.push({ at: i, says: `${entered.text} here, by ${effect.name}()` });
    else if (REGIONS.some(({ leave }) => leave.test(effect.name))) open.pop();
  }
  const [last] = open.slice(-1);
  return last === undefined ? { clues: [] } : { clues: [last, ...branches(path, last.at)] };
}

/** The instructions that were followed most often. */
export function traceRepeats(path: Path): Traced {
  const last = new Map<number, number>();
  const counts = new Map<number, number>();
  for (const [i, { insn }] of path.steps.entries()) {
    last.set(insn, i);
    counts.set(insn, (counts.get(insn) ?? 0) + 1);
  }
  const most = [...counts]
    .filter(([insn, count]) => count > 1 && path.effect(last.get(insn) ?? 0).kind === 'jump')
    .sort((a, b) => b[1] - a[1]);
  const clues = most.slice(0, 3).flatMap(([insn, count]): Event[] => {
    const at = last.get(insn);
    return at === undefined
      ? []
      : [{ at, says: `this branch is passed ${count} times on the path that the log shows` }];
  });
  return { clues: clues.sort((a, b) => a.at - b.at) };
}
