/** `jongleur check`: the data-quality report, of the database or of a file that is not imported yet. */
import type { Command } from 'commander';
import type { Config } from './config.ts';
import { type FileOptions, addFileOptions, describeLayout, readingOf } from './file-options.ts';
import type { House } from './house.ts';
import { STANDARD_TYPES, type EventFile, readEventFile } from './ingest/event-file.ts';
import { reportQuality } from './model/quality/report.ts';
import { type NamedFinding, type NamedQuality, createQualityChecker } from './training/quality.ts';

interface CheckOptions extends FileOptions {
  readonly file?: string;
  readonly json?: boolean;
}

interface Surroundings {
  readConfig(): Config;
  withHouse(work: (house: House, signal: AbortSignal, config: Config) => Promise<void>): Promise<void>;
}

export function addCheckCommand(program: Command, { readConfig, withHouse }: Surroundings): void {
  const command = program.command('check').description('report on the data: is there enough, and what is wrong with them');
  addFileOptions(command.option('--file <file>', 'look at this CSV or NDJSON file, plain or gzipped, instead of the database; nothing is stored. The other options say how to read it, as for import'))
    .option('--json', 'the report as JSON')
    .addHelpText('after', `
Every training run makes the same report before it trains. Findings of severity "error" mean that no model comes of these data, or none to trust:
the exit code is 1. TRAIN_MIN_INTERACTIONS and TRAIN_MIN_USERS set how much is enough.

Example:
  jongleur check --file orders.csv.gz --columns user=customer,item=sku,time=ordered_at --type purchase`)
    .action(async (options: CheckOptions) => {
      let report: NamedQuality | null = null;
      if (options.file !== undefined) {
        const file = await readEventFile({ ...readingOf(options), path: options.file, nowMs: Date.now() });
        process.stderr.write(`${describeLayout(options.file, file.facts, file.facts.defaultType)}\n`);
        report = checkFile(file, readConfig());
      } else {
        await withHouse(async ({ database, connectionString }, signal, config) => {
          const checker = createQualityChecker({ database, connectionString, minimums: config.trainMinimums, now: Date.now });
          signal.addEventListener('abort', () => checker.stop(), { once: true });
          report = (await checker.check()) as NamedQuality;
        });
      }
      const made = report!;
      process.stdout.write(options.json === true ? `${JSON.stringify(made, null, 2)}\n` : describeQuality(made));
      if (made.findings.some(({ severity }) => severity === 'error')) {
        process.exitCode = 1;
      }
    });
}

/** Share of rows left out from which on something is likely wrong with the file or the mapping. */
const SKIPPED_SHARE = 0.05;

function checkFile({ events, userIds, itemIds, rowsRead, skipped }: EventFile, config: Config): NamedQuality {
  const report = reportQuality({ columns: events, rules: STANDARD_TYPES, nowMs: Date.now(), minimums: config.trainMinimums, catalogueItems: null, lastEventNo: null });
  const named = report.findings.map(({ userNos = [], itemNos = [], ...finding }): NamedFinding => ({ ...finding, userIds: userNos.map((no) => userIds[no]), itemIds: itemNos.map((no) => itemIds[no]) }));
  const leftOut = [...skipped].map(([reason, { count: rows, firstLine }]): NamedFinding => ({
    code: 'rows-left-out', severity: rows > SKIPPED_SHARE * rowsRead ? 'warning' : 'info', figure: rows, threshold: Math.round(SKIPPED_SHARE * rowsRead),
    message: `An import would leave out ${count(rows)} of ${count(rowsRead)} rows: ${reason}, first in line ${firstLine}.`, advice: 'Look at that line; --columns says which column means what.', userIds: [], itemIds: [],
  }));
  const rank = { error: 0, warning: 1, info: 2 };
  return { ...report, runNo: null, findings: [...named, ...leftOut].sort((a, b) => rank[a.severity] - rank[b.severity]) };
}

function describeQuality({ figures, findings }: NamedQuality): string {
  const { events, users, items, interactions, usersWithTwo, days, popularityGini, sparsity, coldUserShare, coldItemShare, duplicates, types, drift } = figures;
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const per = (share: number) => `${(100 * share).toFixed(1)} %`;
  const lines = [
    `${count(events)} events of ${count(users)} users on ${count(items)} items${events === 0 ? '' : `, ${day(figures.oldestMs)} to ${day(figures.newestMs)}`}`,
    `  interactions      ${count(interactions)} pairs of user and item; ${(100 * sparsity).toFixed(3)} % of all pairs are empty`,
    `  users             ${count(usersWithTwo)} with two items or more; ${per(coldUserShare)} have one only`,
    `  items             ${per(coldItemShare)} with fewer than three users; Gini coefficient of users per item ${popularityGini.toFixed(3)}`,
    `  events per day    median ${count(days.median)}, most ${count(days.most)}${days.busiest === null ? '' : ` on ${days.busiest}`}; ${count(days.withoutEvents)} of ${count(days.span)} days without`,
    `  repeated events   ${count(duplicates)}`,
    ...types.filter((type) => type.events > 0).map(({ name, events: many, values }) => `  ${name.padEnd(17)} ${count(many)}${values === null ? '' : `; values ${values.min} to ${values.max}, mean ${values.mean.toFixed(2)}, median ${values.p50}`}`),
    ...(drift === null ? [] : [`  since last run    ${count(drift.newEvents)} events; stability index of types ${drift.types.toFixed(3)}, items ${drift.items.toFixed(3)}, users ${drift.users.toFixed(3)}`]),
    '',
  ];
  for (const { severity, code, message, advice, userIds, itemIds } of findings) {
    const examples = [...userIds, ...itemIds];
    lines.push(`${severity.padEnd(8)} ${code}: ${message}${examples.length === 0 ? '' : ` For example ${examples.join(', ')}.`}`, `         ${advice}`);
  }
  lines.push(findings.length === 0 ? 'Nothing is wrong with these data.' : '', '');
  return lines.join('\n').replace(/\n{3,}$/, '\n\n').trimEnd() + '\n';
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}
