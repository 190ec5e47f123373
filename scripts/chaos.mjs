/**
 * The chaos scenarios in their long form, then one table of what they measured against its floor. Ends with another code than 0 where a floor is missed or a scenario fails. Needs no Docker: all
 * processes, ports and data folders are its own.
 *
 *   npm run chaos [-- [SCENARIO …] [--minutes 10] [--seed 1]]      scenarios: the files test/chaos/SCENARIO.test.ts, all by default
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const known = readdirSync(join(root, 'test', 'chaos')).filter((name) => name.endsWith('.test.ts')).map((name) => name.slice(0, -'.test.ts'.length));
const { values, positionals } = parseArgs({ allowPositionals: true, options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } } });
for (const name of positionals) {
  if (!known.includes(name)) {
    console.error(`There is no scenario "${name}". Known: ${known.join(', ')}`);
    process.exit(2);
  }
}
const scenarios = positionals.length > 0 ? positionals : known;
const git = (...args) => execFileSync('git', args, { encoding: 'utf8', cwd: root }).trim();
const commit = existsSync(join(root, '.git')) ? `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'}` : 'unknown';

const folder = mkdtempSync(join(tmpdir(), 'jongleur-figures-'));
const figures = join(folder, 'figures.jsonl');
const vitest = spawnSync(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--maxWorkers=1', '--retry=0', ...scenarios.map((name) => `test/chaos/${name}.test.ts`)], {
  cwd: root, stdio: 'inherit', env: { ...process.env, JONGLEUR_CHAOS: 'long', JONGLEUR_CHAOS_SEED: values.seed, JONGLEUR_CHAOS_MINUTES: values.minutes, JONGLEUR_CHAOS_FIGURES: figures },
});
const rows = existsSync(figures) ? readFileSync(figures, 'utf8').trim().split('\n').map((line) => JSON.parse(line)) : [];
rmSync(folder, { recursive: true });

const cells = rows.map(({ measure, value, floor, bound, unit = '', remark = '', reached }) => [
  measure, `${Number(value.toFixed(2))}${unit === '' ? '' : ` ${unit}`}`, `${bound === 'at-least' ? '≥ ' : bound === 'at-most' ? '≤ ' : ''}${floor}`, reached ? 'reached' : 'MISSED', remark,
]);
const table = [['measure', 'measured', 'floor', '', 'of'], ...cells];
const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
console.log(`\n${cpus()[0].model}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, node ${process.version}; commit ${commit}; seed ${values.seed}; scenarios ${scenarios.join(', ')}\n`);
table.forEach((row) => console.log(row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()));
const missed = rows.filter(({ reached }) => !reached).length;
console.log(vitest.status === 0 ? '\nall floors are reached' : `\n${missed} floors missed; see above for what failed`);
process.exit(vitest.status === 0 && missed === 0 ? 0 : 1);
