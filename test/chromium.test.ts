/** Where the browser tests find their browser. They themselves are `npm run test:browser`: with servers and a browser of their own, beside `npm test`. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
// @ts-expect-error -- a script has no types
import { HOW_TO_GET_ONE, findChromium, isShell } from '../scripts/chromium.mjs';

it('a browser for the dashboard’s tests is the one of CHROMIUM, else the first on PATH, else said to be missing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jongleur-chromium-'));
  const program = join(folder, 'chromium');
  writeFileSync(program, '');
  expect(findChromium({ PATH: folder })).toBeNull();
  chmodSync(program, 0o755);
  expect(findChromium({ PATH: `/nowhere:${folder}` })).toBe(program);
  // The shell opens tabs in less time.
  const shell = join(folder, 'chromium-headless-shell');
  writeFileSync(shell, '', { mode: 0o755 });
  expect([findChromium({ PATH: folder }), isShell(shell), isShell(program), isShell(null)]).toEqual([shell, true, false, false]);
  expect(findChromium({ PATH: '', CHROMIUM: program })).toBe(program);
  expect(() => findChromium({ PATH: folder, CHROMIUM: '/nowhere/chromium' })).toThrow('/nowhere/chromium');
  rmSync(folder, { recursive: true });
  const found = findChromium();
  process.stdout.write(found === null ? `Browser tests skipped: there is no chromium here. ${HOW_TO_GET_ONE}\n` : `Browser tests are not part of this run: "npm run test:browser" runs them with ${found}.\n`);
});
