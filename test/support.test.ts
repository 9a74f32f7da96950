import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from './support/kernels.ts';
import { supportTables } from './support/support-tables.ts';

const DOCUMENT = join(root, 'docs/support.md');
const MARK = '<!-- below: written by `npx vitest run test/support.test.ts --update` -->\n';

it('docs/support.md says what the kernels have', async () => {
  const [written = '', ...generated] = readFileSync(DOCUMENT, 'utf8').split(MARK);
  expect(generated).toHaveLength(1);
  await expect(`${written}${MARK}\n${supportTables()}`).toMatchFileSnapshot(DOCUMENT);
});
