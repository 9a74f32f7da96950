import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { explainLogs, formatExplanation } from '../../src/explain/index.ts';
import { root } from '../support/kernels.ts';

/**
 * What kernels said of the examples in test/objects/violations, as libbpf prints it; the program's name is the code that it is the example of, `@2` for
 * a log of level 2. Recorded by loading them there.
 */
const FOLDER = join(root, 'test/explain/logs');
const recorded = readdirSync(FOLDER).filter((file) => file.endsWith('.log'));

it('there are logs of old and new kernels', () => {
  expect(recorded).toEqual(expect.arrayContaining(['5.10.log', '6.1.log', '6.12.log', '6.18.log', '7.3.log']));
});

describe.each(recorded)('the logs of Linux %s', (file) => {
  const explanations = explainLogs(readFileSync(join(FOLDER, file), 'utf8'));

  it('are of the kinds that they are examples of', () => {
    expect(explanations.length).toBeGreaterThan(8);
    expect(explanations.map(({ code }) => code)).toEqual(
      explanations.map(({ program }) => program?.replace(/@\d$/, '')),
    );
  });

  it('are explained so that a reader understands', async () => {
    const texts = explanations.map((explanation) => formatExplanation(explanation, { code: false }));
    await expect(`${texts.join('\n\n\n')}\n`).toMatchFileSnapshot(join(FOLDER, file.replace(/\.log$/, '.txt')));
  });

  it('have a place', () => {
    expect(explanations.filter(({ where }) => where === undefined)).toEqual([]);
  });
});
