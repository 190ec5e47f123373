/** `jongleur train` and `jongleur runs`: make a model now, and look at the runs that made models or did not. Wiring. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CommandFault } from './command-fault.ts';
import type { Config } from './config.ts';
import type { House } from './house.ts';
import { createProgressLine } from './progress-line.ts';
import { type RunSummary, type TrainingRun, findRun, listRuns, requestCancel } from './storage/training-runs.ts';
import { type KeptReport, count, inOrder, readFindings } from './training/model-card.ts';
import { alignColumns, resultLines, startWords } from './training/model-card-text.ts';
import { startTrainingRun, threadsOf } from './training/run.ts';

export interface Surroundings {
  readonly version: string;
  withHouse(work: (house: House, signal: AbortSignal, config: Config) => Promise<void>): Promise<void>;
}

interface TrainOptions {
  readonly search?: 'off' | 'light' | 'full';
  readonly curves?: boolean;
  readonly cold?: boolean;
  readonly json?: boolean;
}

/** Of a run whose model was judged and refused: nothing failed, and nothing changed. */
const REFUSED_EXIT_CODE = 3;
const LIST_LENGTH = 20;
/** In their order; a report keeps none. */
const PHASES = ['extract', 'quality', 'fold', 'split', 'search', 'evaluate', 'curves', 'refit', 'finish', 'publish'];

const trainHelp = `
A run checks the data, splits them by time, looks for a better recipe, measures it once on the test part beside the live recipe and three simple rules, and lets the gate
decide. "jongleur settings" shows what the gate asks for, "jongleur models" and "jongleur runs" what came of it.

Exit codes: 0 a model went live, or waits for approval; 3 the gate refused it, the live one stays; 1 no model was made (too little data, cancelled, failed, another
run under way); 2 the command was not understood.
Progress goes to stderr: a bar on a terminal, a line a phase elsewhere.`;

export function addTrainingCommands(program: Command, { version, withHouse }: Surroundings): void {
  program
    .command('train')
    .description('train a model now; where the gate lets it, it goes live, and a running server swaps to it by itself')
    .addOption(new Option('--search <mode>', 'how long to look for a better recipe, in place of the setting').choices(['off', 'light', 'full']))
    .option('--curves', 'learning curves by share of the data, factors and regularization too (with full search and for the first model they are made anyway)')
    .option('--cold', 'begin the published fit from the start, whatever is live')
    .option('--json', 'the run and its report as JSON')
    .addHelpText('after', trainHelp)
    .action(async (options: TrainOptions) => {
      await withHouse(async ({ connectionString, facts, database }, signal, config) => {
        const line = createProgressLine(process.stderr, Date.now);
        const started = await startTrainingRun({
          connectionString, systemIdentifier: facts.systemIdentifier, startedBy: 'cli', now: Date.now, threads: threadsOf(config.trainThreads, false), kernel: config.trainKernel, coldEvery: config.trainColdEvery, minimums: config.trainMinimums,
          searchSeconds: config.trainSearchSeconds, codeVersion: version, search: options.search, curves: options.curves, cold: options.cold, onProgress: line.say,
        });
        if (started === null) {
          throw new CommandFault('A training run is under way in another process; "jongleur runs" shows it, "jongleur runs cancel N" ends it.');
        }
        signal.addEventListener('abort', () => started.cancel(), { once: true });
        const result = await started.finished.finally(() => line.end());
        const run = (await findRun(database, started.runNo))!;
        const refused = run.state === 'rejected' && run.code !== 'not-enough-data';
        if (options.json === true) {
          process.stdout.write(`${JSON.stringify(shapeRun(run), null, 2)}\n`);
        }
        if (run.version === null && !refused) {
          // A run whose row could not be ended says itself what happened.
          const { state, code, message } = 'message' in result ? result : { state: run.state, code: run.code, message: run.message };
          throw new CommandFault(`Run ${started.runNo} ${state} (${code}): ${message}`);
        }
        if (options.json !== true) {
          process.stdout.write(describeOutcome(run));
        }
        process.exitCode = refused ? REFUSED_EXIT_CODE : 0;
      });
    });

  const runs = program.command('runs').description('look at training runs, and cancel one');
  runs
    .command('list', { isDefault: true })
    .description(`the newest ${LIST_LENGTH} runs`)
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => {
      await withHouse(async ({ database }) => {
        const found = await listRuns(database, null, LIST_LENGTH);
        process.stdout.write(options.json === true ? `${JSON.stringify(found.map(shapeSummary), null, 2)}\n` : describeRuns(found));
      });
    });
  runs
    .command('show')
    .argument('<n>', 'number of the run', parseNumber)
    .description('what a run found out, phase by phase')
    .option('--json', 'the run and its report as JSON')
    .action(async (no: number, options: { json?: boolean }) => {
      await withHouse(async ({ database }) => {
        const run = await findRun(database, no);
        if (run === null) {
          throw new CommandFault(`There is no training run ${no}; "jongleur runs" lists them.`);
        }
        process.stdout.write(options.json === true ? `${JSON.stringify(shapeRun(run), null, 2)}\n` : describeRun(run));
      });
    });
  runs
    .command('cancel')
    .argument('<n>', 'number of the run', parseNumber)
    .description('end a run, in whatever process it is; the live model stays')
    .option('--json', 'the run as JSON')
    .action(async (no: number, options: { json?: boolean }) => {
      await withHouse(async ({ database }) => {
        const run = await findRun(database, no);
        if (run === null) {
          throw new CommandFault(`There is no training run ${no}; "jongleur runs" lists them.`);
        }
        if (run.state !== 'running' || !(await requestCancel(database, no))) {
          throw new CommandFault(`Run ${no} has ended already (${run.state}).`);
        }
        process.stdout.write(options.json === true ? `${JSON.stringify(shapeRun((await findRun(database, no))!), null, 2)}\n` : `Run ${no} was asked to stop; it does within a second or so.\n`);
      });
    });
}

/** Of a run or a version, as an argument. */
export function parseNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 2_147_483_647) {
    throw new InvalidArgumentError('It must be a whole number from 1 on.');
  }
  return number;
}

/** As the API has it. */
function shapeSummary({ runNo, ...run }: RunSummary) {
  return { no: runNo, ...run };
}

function shapeRun({ report, ...run }: TrainingRun) {
  return { ...shapeSummary(run), report };
}

function durationOf({ startedAt, finishedAt }: RunSummary): number {
  return ((finishedAt ?? new Date()).getTime() - startedAt.getTime()) / 1000;
}

function describeOutcome(run: TrainingRun): string {
  const { version, state, runNo } = run;
  const took = `(run ${runNo}; ${durationOf(run).toFixed(1)} s)`;
  const report = (run.report ?? {}) as KeptReport;
  const headline =
    version === null
      ? `No model went live: the gate refused what run ${runNo} made in ${durationOf(run).toFixed(1)} s. The live version, if there is one, stays.`
      : state === 'needs-approval'
        ? `Model ${version} waits for approval ${took}: jongleur models activate ${version}, or jongleur models reject ${version}.`
        : `Model ${version} is live ${took}.`;
  return `${[headline, ...indent(foundLines(report))].join('\n')}\n`;
}

function foundLines(report: KeptReport): string[] {
  const { events, users, items, interactions, factors, sweeps, start, search } = report;
  const lines: string[] = [];
  if (typeof events === 'number') {
    lines.push(`${count(events)} events → ${count(interactions ?? 0)} interactions of ${count(users ?? 0)} users with ${count(items ?? 0)} items; ${factors} factors, ${sweeps} sweeps`);
  }
  if (start != null) {
    lines.push(startWords(start));
  }
  if (search != null) {
    lines.push(`${search.mode} search: ${count(search.trials.length)} trials in ${search.seconds.toFixed(1)} s${search.ended === 'time' ? ', ended by its time limit' : ''}`);
  }
  return [...lines, ...resultLines(readFindings(report))];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function describeRuns(runs: readonly RunSummary[]): string {
  if (runs.length === 0) {
    return 'There was no training run yet; jongleur train makes one.\n';
  }
  const rows = runs.map((run) => {
    const outcome = run.state === 'running' ? `${run.phase ?? ''} ${Math.round(run.progress * 100)} %` : run.version === null ? (run.code ?? '') : `model ${run.version}`;
    return [String(run.runNo), run.startedAt.toISOString().slice(0, 19).replace('T', ' '), run.startedBy, `${durationOf(run).toFixed(1)} s`, run.state, outcome];
  });
  return `${alignColumns([['run', 'started (UTC)', 'by', 'took', 'state', 'outcome'], ...rows]).join('\n')}\n`;
}

function describeRun(run: TrainingRun): string {
  const { runNo, state, startedBy, startedAt, phase, progress, secondsLeft, code, message, version, seconds, rows } = run;
  const lines = [`Run ${runNo}: ${state}${version === null ? '' : `, model ${version}`}; started ${startedAt.toISOString()} by ${startedBy}, ${durationOf(run).toFixed(1)} s`];
  if (state === 'running') {
    lines.push(`  ${phase ?? ''}, ${Math.round(progress * 100)} %${secondsLeft === null ? '' : `, ${Math.ceil(secondsLeft)} s left`}`);
  }
  if (message !== null) {
    lines.push(`  ${code}: ${message}`);
  }
  if (seconds !== null) {
    lines.push(...indent(alignColumns([['phase', 'seconds', 'rows'], ...Object.entries(inOrder(seconds, PHASES)).map(([name, took]) => [name, took.toFixed(2), rows?.[name] === undefined ? '' : count(rows[name])])])));
  }
  const report = run.report as KeptReport | null;
  if (report !== null) {
    // A run that ended early has its data's quality alone.
    lines.push(...(report.events === undefined ? [] : indent(foundLines(report))));
    lines.push(...(report.quality?.findings ?? []).map(({ severity, code: finding, message: words }) => `  ${severity.padEnd(7)} ${finding}: ${words}`));
  }
  return `${lines.join('\n')}\n`;
}
