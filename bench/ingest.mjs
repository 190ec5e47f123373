/**
 * The way in and out, measured. Prints what each measure took and a table with floors and goals; ends with code 1 where a floor is not reached or a count is wrong.
 *
 *   npm run bench:ingest [-- --rows singles,batches,retail,import,extract,leave] [--rounds 3] [--seconds 5]
 *
 * `extract` and `leave` measure on the ten million events that `import` stored, or have Postgres make as many where it was not asked for.
 *
 * `growth` (by name only) looks at every hot statement at 1 and at 25 million events; JONGLEUR_GROWTH_PLANS names a file for the plans.
 *
 * On an embedded Postgres of its own, with fsync and synchronous_commit on (checked), or that of JONGLEUR_BENCH_DATABASE_URL. Load and service share the machine's cores.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, chmod } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../dist/storage/embedded/launcher.js';
import { measureImport, measureRetail } from './ingest/files.mjs';
import { measureGrowth } from './ingest/growth.mjs';
import { measureBatches, measureSingles } from './ingest/http.mjs';
import { measureExtraction, measureLeaving } from './ingest/large.mjs';
import { query } from './ingest/server.mjs';
import { addFailure, check, printTable } from './train/table.mjs';

const ROWS = { singles: measureSingles, batches: measureBatches, retail: measureRetail, import: measureImport, extract: measureExtraction, leave: measureLeaving, growth: measureGrowth };
/** Takes its five minutes: asked for by name. */
const BY_DEFAULT = Object.keys(ROWS).filter((name) => name !== 'growth');
const { values: options } = parseArgs({ options: { rows: { type: 'string', default: BY_DEFAULT.join(',') }, rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '5' } } });
const wanted = options.rows.split(',').map((name) => {
  if (!(name in ROWS)) {
    throw new RangeError(`--rows takes ${Object.keys(ROWS).join(', ')}, not ${name}`);
  }
  return name;
});
const git = (...args) => execFileSync('git', args, { encoding: 'utf8', cwd: fileURLToPath(new URL('.', import.meta.url)) }).trim();
const commit = `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'}`;

const folder = await mkdtemp(join(tmpdir(), 'jongleur-bench-'));
await chmod(folder, 0o755);
const own = process.env.JONGLEUR_BENCH_DATABASE_URL;
const postgres = own === undefined ? await startEmbeddedPostgres({ dataDir: folder, log: () => {} }) : null;
const serverUrl = own ?? postgres.connectionString;
try {
  const [facts] = await query(serverUrl, `SELECT version(), current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit, current_setting('full_page_writes') AS pages`);
  check(facts.fsync === 'on' && facts.commit === 'on' && facts.pages === 'on', `Postgres must be safe: ${JSON.stringify(facts)}`);
  console.log(`${cpus()[0].model}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, node ${process.version}, ${facts.version.split(' on ')[0]}, fsync and synchronous_commit on; commit ${commit}`);
  const context = { serverUrl, folder, rounds: Number(options.rounds), seconds: Number(options.seconds) };
  for (const name of wanted) {
    try {
      await ROWS[name](context);
    } catch (error) {
      console.error(error);
      addFailure(name, error);
    }
  }
} finally {
  await postgres?.release();
  await rm(folder, { recursive: true, force: true });
}
printTable();
