/** `jongleur event-types`: what each kind of event is worth. */
import type { Command } from 'commander';
import { CommandFault } from './command-fault.ts';
import type { Config } from './config.ts';
import type { House } from './house.ts';
import type { EventTypeRule } from './model/interactions.ts';
import { nearestName } from './model/nearest-name.ts';
import { inTransaction } from './storage/database.ts';
import { EVENT_TYPE_PRESETS, type EventTypeChange, changeEventTypes, listEventTypes } from './storage/event-types.ts';

interface Surroundings {
  withHouse(work: (house: House, signal: AbortSignal, config: Config) => Promise<void>): Promise<void>;
}

/** Field by field: how its text is read, and what would be right. */
const FIELDS: Readonly<Record<string, { readonly read: (text: string) => unknown; readonly says: string }>> = {
  weight: { read: (text) => numberIn(text, -1000, 1000), says: 'a number from -1000 to 1000' },
  mode: { read: (text) => (text === 'sum' || text === 'latest' ? text : undefined), says: 'sum or latest' },
  halfLifeDays: { read: (text) => (text === 'none' ? null : numberIn(text, 1e-6, 36_500)), says: 'a number of days above 0, or none' },
  threshold: { read: (text) => (text === 'none' ? null : numberIn(text, -1e9, 1e9)), says: 'a number, or none' },
  useValue: { read: (text) => (text === 'true' ? true : text === 'false' ? false : undefined), says: 'true or false' },
  hidesDays: { read: (text) => (text === 'ever' ? null : numberIn(text, 0, 36_500)), says: 'a number of days, or ever' },
};

function numberIn(text: string, least: number, most: number): number | undefined {
  const number = Number(text);
  return text.trim() === '' || !(number >= least && number <= most) ? undefined : number;
}

/** @throws CommandFault naming field, value, and what would be right */
export function parseEventTypeChange(name: string, settings: readonly string[]): EventTypeChange {
  if (!/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/.test(name)) {
    throw new CommandFault(`${JSON.stringify(name)} is no name of an event type: a letter, then letters, digits, _ . or -; up to 64.`);
  }
  const change: Record<string, unknown> = { name };
  for (const setting of settings) {
    const at = setting.indexOf('=');
    const field = setting.slice(0, Math.max(0, at));
    const rule = Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined;
    if (rule === undefined) {
      const near = nearestName(field === '' ? setting : field, Object.keys(FIELDS));
      throw new CommandFault(`${JSON.stringify(setting)} is no setting of an event type${near === null ? '' : `; did you mean ${near}=…?`} Settings: ${Object.entries(FIELDS).map(([one, { says }]) => `${one} (${says})`).join(', ')}.`);
    }
    const value = rule.read(setting.slice(at + 1));
    if (value === undefined) {
      throw new CommandFault(`${field} is ${JSON.stringify(setting.slice(at + 1))}; it must be ${rule.says}.`);
    }
    change[field] = value;
  }
  return change as unknown as EventTypeChange;
}

function printTypes(types: readonly EventTypeRule[]): void {
  const rows = [['name', 'weight', 'mode', 'half-life', 'positive from', 'uses value', 'hides for'], ...types.map((type) => [
    type.name, String(type.weight), type.mode, type.halfLifeDays === null ? '-' : `${type.halfLifeDays} d`, type.threshold === null ? '-' : String(type.threshold), type.useValue ? 'yes' : 'no', type.hidesDays === null ? 'ever' : `${type.hidesDays} d`,
  ])];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  process.stdout.write(rows.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()}\n`).join(''));
}

export function addEventTypeCommands(program: Command, { withHouse }: Surroundings): void {
  const change = async (changes: readonly EventTypeChange[]) =>
    await withHouse(async ({ database }) => {
      await inTransaction(database, async (connection) => await changeEventTypes(connection, changes));
      printTypes(await listEventTypes(database));
    });
  const types = program.command('event-types').description('look at what each kind of event is worth; change it, or make new ones');
  types.command('list', { isDefault: true }).description('show the event types').action(async () => await withHouse(async ({ database }) => printTypes(await listEventTypes(database))));
  types
    .command('set')
    .argument('<name>', 'the event type; one that is not there is made')
    .argument('[setting=value...]', 'e.g. weight=2 halfLifeDays=180 hidesDays=ever')
    .description('change an event type; nothing has to be imported again, the next training goes by it')
    .action(async (name: string, settings: string[]) => await change([parseEventTypeChange(name, settings)]));
  types
    .command('preset')
    .argument('<name>', Object.entries(EVENT_TYPE_PRESETS).map(([name, preset]) => `${name}: ${preset.says}`).join('; '))
    .description('set the types that a kind of service begins with; others stay')
    .action(async (name: string) => {
      if (!Object.hasOwn(EVENT_TYPE_PRESETS, name)) {
        throw new CommandFault(`There is no preset ${JSON.stringify(name)}; presets are ${Object.keys(EVENT_TYPE_PRESETS).join(', ')}.`);
      }
      await change(EVENT_TYPE_PRESETS[name].types);
    });
}
