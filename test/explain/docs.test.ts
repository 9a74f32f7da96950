import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { violationIndex, violationPage } from '../../src/explain/document.ts';
import { VIOLATIONS } from '../../src/explain/violations/index.ts';
import { root } from '../support/kernels.ts';

const FOLDER = join(root, 'docs/verifier');
const INDEX = join(FOLDER, 'README.md');
const MARK = '<!-- below: written by `npx vitest run test/explain/docs.test.ts --update` -->\n';

it('docs/verifier/README.md lists the kinds of violations', async () => {
  const [written = '', ...generated] = readFileSync(INDEX, 'utf8').split(MARK);
  expect(generated).toHaveLength(1);
  await expect(`${written}${MARK}\n${violationIndex(VIOLATIONS)}`).toMatchFileSnapshot(INDEX);
});

it.each(VIOLATIONS.map((violation) => [violation.code, violation] as const))(
  'there is a page about %s',
  async (code, violation) => {
    await expect(violationPage(violation)).toMatchFileSnapshot(join(FOLDER, `${code}.md`));
  },
);

it('there are no other pages', () => {
  const pages = readdirSync(FOLDER).filter((file) => file !== 'README.md');
  expect(pages.sort()).toEqual(VIOLATIONS.map(({ code }) => `${code}.md`).sort());
});
