import { diagnose, type Finding } from '../../loader/doctor.ts';
import { command } from '../command.ts';
import { columns } from '../format.ts';

const EMBEDDED =
  'nothing is needed: the embedded kernel asks for no privileges and no settings (for the running kernel: skep --kernel linux doctor)';

export const doctor = command<readonly Finding[]>({
  path: ['doctor'],
  usage: '',
  about: 'what this machine lacks for eBPF, and the command that mends each; changes nothing',
  run({ kernel }, words) {
    words.end();
    return diagnose(kernel);
  },
  text: doctorText,
  missed: (findings) => lacking(findings).length > 0,
});

/** What is missing, and essential. */
function lacking(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ status, essential }) => essential && status === 'missing');
}

function doctorText(findings: readonly Finding[]): string {
  if (findings.length === 0) return EMBEDDED;
  const rows = findings.map(({ status, what, found, source, why }) => [status, what, found, source, why]);
  const fixes = findings.flatMap(({ what, fix }) => (fix === undefined ? [] : [[`  ${what}`, fix]]));
  const bad = lacking(findings).map(({ what }) => what);
  return [
    columns([['status', 'what', 'found', 'how', 'why'], ...rows]),
    ...(fixes.length === 0 ? [] : ['', 'to mend, or to find out what is unknown:', columns(fixes)]),
    '',
    bad.length === 0 ? 'nothing essential is missing' : `eBPF does not work here without ${bad.join(', ')}`,
  ].join('\n');
}
