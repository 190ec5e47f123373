/** `jongleur models` and `jongleur settings`: which versions there are, which is live, and what makes one go live. Wiring. */
import type { Command } from 'commander';
import { CommandFault } from './command-fault.ts';
import { nearestName } from './model/nearest-name.ts';
import { type Model, ModelStateFault, activateModel, findModel, listModels, rejectModel } from './storage/models.ts';
import { SETTINGS, SETTING_NAMES, type SettingName, type SettingValue, type TrainingSettings, changeTrainingSettings, describeSetting, isSettingName, isValueOf, readTrainingSettings } from './storage/settings.ts';
import { type ModelSummary, makeModelCard, summarizeModel } from './training/model-card.ts';
import { alignColumns, cardToMarkdown, cardToText, formatInterval } from './training/model-card-text.ts';
import { type Surroundings, parseNumber } from './training-commands.ts';

const LIST_LENGTH = 20;

interface Output {
  readonly json?: boolean;
}

function write(text: string): void {
  process.stdout.write(`${text.trimEnd()}\n`);
}

function writeJson(value: unknown): void {
  write(JSON.stringify(value, null, 2));
}

function missing(version: number): CommandFault {
  return new CommandFault(`There is no model version ${version}; "jongleur models" lists them.`);
}

export function addModelCommands(program: Command, { withHouse }: Surroundings): void {
  const models = program.command('models').description('look at model versions; make one live, or refuse one that waits for approval');
  models
    .command('list', { isDefault: true })
    .description(`the newest ${LIST_LENGTH} versions`)
    .option('--json', 'as JSON')
    .action(async (options: Output) => {
      await withHouse(async ({ database }) => {
        const found = (await listModels(database, null, LIST_LENGTH)).map(summarizeModel);
        if (options.json === true) {
          writeJson(found);
        } else {
          write(found.length === 0 ? 'There is no model yet; jongleur train makes one.' : describeModels(found));
        }
      });
    });
  models
    .command('show')
    .argument('<version>', 'a model version', parseNumber)
    .description('the card of a version: what it was trained on, how good it is, why it went live, when not to trust it')
    .option('--markdown', 'as Markdown, with every figure')
    .option('--json', 'as JSON, with the whole report')
    .action(async (version: number, options: Output & { markdown?: boolean }) => {
      await withHouse(async ({ database }) => {
        const model = await findModel(database, version);
        if (model === null) {
          throw missing(version);
        }
        const card = makeModelCard(model);
        if (options.json === true) {
          writeJson({ ...card, report: model.report });
        } else {
          write(options.markdown === true ? cardToMarkdown(card) : cardToText(card));
        }
      });
    });
  const change = (name: string, says: string, done: string, work: typeof activateModel) =>
    models
      .command(name)
      .argument('<version>', 'a model version', parseNumber)
      .description(says)
      .option('--json', 'its card as JSON')
      .action(async (version: number, options: Output) => {
        await withHouse(async ({ database }) => {
          const found = await work(database, version).catch((error: unknown) => {
            throw error instanceof ModelStateFault ? new CommandFault(error.message) : error;
          });
          if (!found) {
            throw missing(version);
          }
          if (options.json === true) {
            writeJson(makeModelCard((await findModel(database, version)) as Model));
          } else {
            write(`Model ${version} ${done}`);
          }
        });
      });
  change('activate', 'make a version live: one that waits for approval, or an older one that is still kept', 'is live; running servers swap to it within a second or so. The next run that passes the gate replaces it ("jongleur settings set gate.manual=true" lets you decide).', activateModel);
  change('reject', 'refuse a version that waits for approval; its report stays', 'was refused; the live version stays.', rejectModel);
}

function describeModels(models: readonly ModelSummary[]): string {
  const day = (at: string | null) => at?.slice(0, 16).replace('T', ' ') ?? '';
  const rows = models.map(({ version, state, isKept, createdAt, activatedAt, recall, ndcg, outcome, verdict }) => [
    String(version), state === 'retired' && !isKept ? 'retired, not kept' : state, day(createdAt), day(activatedAt), formatInterval(recall), formatInterval(ndcg), outcome ?? '', verdict ?? '',
  ]);
  return alignColumns([['version', 'state', 'made (UTC)', 'live since', 'recall@20', 'NDCG@20', 'gate', 'verdict'], ...rows]).join('\n');
}

export function addSettingCommands(program: Command, { withHouse }: Surroundings): void {
  const settings = program.command('settings').description('look at what makes a model go live, how many versions stay, how runs search and split; change it');
  settings
    .command('get', { isDefault: true })
    .argument('[name]', 'one of them alone')
    .description('show settings')
    .option('--json', 'as JSON')
    .action(async (name: string | undefined, options: Output) => {
      const wanted = name === undefined ? null : checkName(name);
      await withHouse(async ({ database }) => print(await readTrainingSettings(database), wanted, options));
    });
  settings
    .command('set')
    .argument('<name=value...>', 'e.g. gate.manual=true keepVersions=10; NAME=default sets one back')
    .description('change settings; a running server goes by them from its next run on')
    .option('--json', 'all settings as JSON')
    .action(async (changes: string[], options: Output) => {
      const checked = new Map(changes.map(parseChange));
      await withHouse(async ({ database }) => print(await changeTrainingSettings(database, checked), null, options));
    });
}

function checkName(name: string): SettingName {
  if (!isSettingName(name)) {
    const near = nearestName(name, SETTING_NAMES);
    throw new CommandFault(`There is no setting ${JSON.stringify(name)}${near === null ? '' : `; did you mean ${near}`}? Settings are ${SETTING_NAMES.join(', ')}.`);
  }
  return name;
}

/** @throws CommandFault that names the setting, the value, and what would be right */
export function parseChange(text: string): [SettingName, SettingValue | null] {
  const equals = text.indexOf('=');
  if (equals < 1) {
    throw new CommandFault(`${JSON.stringify(text)} is no change of a setting; write it as NAME=VALUE, e.g. gate.margin=0.1.`);
  }
  const name = checkName(text.slice(0, equals));
  const given = text.slice(equals + 1).trim();
  if (given === 'default') {
    return [name, null];
  }
  const { kind } = SETTINGS[name];
  const value: unknown = kind === 'choice' ? given : kind === 'switch' ? ({ true: true, false: false } as Record<string, boolean>)[given] : given === '' ? Number.NaN : Number(given);
  if (!isValueOf(name, value)) {
    throw new CommandFault(`${name} is ${JSON.stringify(given)}; it must be ${describeSetting(name)}, or default.`);
  }
  return [name, value];
}

function valueOf(settings: TrainingSettings, name: SettingName): SettingValue {
  return name.split('.').reduce((at, part) => (at as Record<string, unknown>)[part], settings as unknown) as SettingValue;
}

function print(settings: TrainingSettings, name: SettingName | null, { json }: Output): void {
  if (json === true) {
    writeJson(name === null ? settings : valueOf(settings, name));
  } else if (name !== null) {
    write(String(valueOf(settings, name)));
  } else {
    write(alignColumns([['setting', 'value', 'default', ''], ...SETTING_NAMES.map((one) => [one, String(valueOf(settings, one)), String(SETTINGS[one].default), SETTINGS[one].says])]).join('\n'));
  }
}
