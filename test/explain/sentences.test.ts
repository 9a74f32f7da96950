import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { derivedParts } from '../../src/explain/derive.ts';
import { parseLogs } from '../../src/explain/log.ts';
import { Path } from '../../src/explain/path.ts';
import { fillIn } from '../../src/explain/violation.ts';
import { findViolation, violationsOf } from '../../src/explain/violations/find.ts';
import { VIOLATIONS } from '../../src/explain/violations/index.ts';
import { verifierRows } from '../contract/verifier.ts';
import { root } from '../support/kernels.ts';
import { VECTORS } from '../support/verifier-vectors.ts';

/** Something for each part that a sentence may have. */
// biome-ignore format: table
const SAMPLE: Readonly<Record<string, string>> = {
  reg: '2', off: '8', size: '4', total: '16', insn: '5', target: '3', n: '7', m: '9', id: '2', type: 'map_value', nullable: 'map_value_or_null', pointer: 'pkt_end', place: 'map_value',
  number: 'scalar', helper: 'bpf_redirect', name: 'thing', op: '+=', list: '[0, 1]', text: 'words',
};

/** A refusal in the source: its sentence, as a template, in one of three kinds of quotes. */
const REFUSAL =
  /\b(?:fail|Refusal)\(\s*(?:'E[A-Z0-9]+'|[\w.]+),\s*(?:`((?:[^`\\]|\\.)*)`|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g;
const INSERTED = /\$\{((?:[^{}]|\{[^{}]*\})*)\}/g;

/** What may stand where the source inserts a text. */
const TEXTS = [
  'map_value',
  'map_value_or_null',
  'bpf_redirect#23',
  'At program exit',
  ' write to',
  'stack ',
  'stores into',
  '+=',
];

/** Sentences as they may be said, of a template in the source. */
function samplesOf(template: string): string[] {
  return TEXTS.map((words) =>
    template.replace(INSERTED, (_, expression: string, at: number) => {
      if (/(?:R|#|=|\[|off |arg|insn )$/.test(template.slice(0, at))) return '2';
      const either = /\? '([\w. ]+)'/.exec(expression)?.[1];
      if (either !== undefined) return either;
      if (expression.startsWith('kindText')) return 'map_value';
      if (expression === 'type' || /(?:Id|Number|size|SIZE|off|index|offset|smin|count)$/i.test(expression)) return '7';
      return /kind|type|struct|name|text|helper|expected|wanted|what|when|refusal|OPERATORS/i.test(expression)
        ? words
        : '7';
    }),
  );
}

describe('each row', () => {
  it.each(VIOLATIONS.map((violation) => [violation.code, violation] as const))(
    '%s knows its own sentences, and no other row does',
    (code, { says }) => {
      for (const words of says) {
        const sentence = fillIn(words, SAMPLE) ?? '';
        expect([sentence, ...violationsOf(sentence).map((row) => row.code)]).toEqual([sentence, code]);
      }
    },
  );

  it.each(VIOLATIONS.map((violation) => [violation.code, violation] as const))(
    '%s has all that its sentence speaks of, in the first of the words',
    (_code, { says, before = [], what }) => {
      const remarks = [...before.slice(0, 1), ...says.slice(0, 1)].map((template) => fillIn(template, SAMPLE));
      const [log] = parseLogs(
        `0: R2=map_value(ks=4,vs=16) R10=fp0\n5: (85) call bpf_redirect#23\n${remarks.join('\n')}\n`,
      );
      const found = log && findViolation(log);
      const parts = derivedParts({ ...found?.parts, words: found?.words ?? '' }, new Path({ steps: log?.steps ?? [] }));
      expect(fillIn(what, parts)).not.toBeUndefined();
    },
  );

  it('has a code of its own, in order, and a fix', () => {
    expect(VIOLATIONS.map(({ code }) => code)).toEqual(
      VIOLATIONS.map((_, i) => `SKEP-V${String(i + 1).padStart(3, '0')}`),
    );
  });
});

describe('what the embedded verifier says', () => {
  const folder = join(root, 'src/engine/embedded/verifier');
  const sentences = readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(REFUSAL)].map(
        (match) => match[1] ?? match[2] ?? match[3] ?? '',
      ),
    );

  it('is found in its source', () => {
    expect(sentences.length).toBeGreaterThan(250);
  });

  it.each([...new Set(sentences)])('%s', (template) => {
    expect(samplesOf(template).map((sentence) => violationsOf(sentence).length)).toContain(1);
  });
});

it('the refusals of the contract tests have codes', () => {
  const words = verifierRows.flatMap(([, , answer]) => /^E[A-Z]+ (.+)$/s.exec(String(answer))?.[1] ?? []);
  expect(words.length).toBeGreaterThan(50);
  expect(words.filter((sentence) => violationsOf(sentence).length !== 1)).toEqual([]);
});

const TRUTH = join(VECTORS, 'ground_truth.json');
if (!existsSync(TRUTH)) console.log(`skipped: what Linux said of other people's programs is not there (${TRUTH})`);

it.skipIf(!existsSync(TRUTH))('what Linux 6.18 said of some thousand programs has codes', () => {
  const truths: { results: readonly Truth[] } = JSON.parse(readFileSync(TRUTH, 'utf8'));
  const sentences = truths.results.flatMap(({ verdict, last_msg, log_tail, no_perfmon }) => [
    ...(verdict === 'REJECT' && last_msg !== null ? [last_msg, log_tail.join('\n')] : []),
    ...(no_perfmon?.verdict === 'REJECT' && no_perfmon.last_msg !== null ? [no_perfmon.last_msg] : []),
  ]);
  expect(sentences.length).toBeGreaterThan(1500);
  const unknown = sentences.filter((text) => {
    const log = parseLogs(text).at(-1);
    return log === undefined || findViolation(log)?.violation === undefined;
  });
  expect(unknown).toEqual([]);
});

interface Truth {
  readonly verdict?: string;
  readonly last_msg: string | null;
  readonly log_tail: readonly string[];
  readonly no_perfmon?: { readonly verdict: string; readonly last_msg: string | null };
}
