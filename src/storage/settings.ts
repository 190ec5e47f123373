/**
 * Settings that a shop changes while the service runs: what the gate asks for, how many versions stay, how a run searches and splits, what new items get of the answers,
 * how much new and busy shoppers count.
 *
 * One row a setting, holding only what was changed, so that a partial change is one statement, two people who change different settings do not undo each
 * other, and a later version's better default reaches everybody who left it alone. `SETTINGS` is the one table of them: the API's schema, the CLI's list and the
 * checks are made from it.
 */
import type { SearchMode } from '../model/experiment/search.ts';
import type { SplitMethod } from '../model/experiment/split.ts';
import type { GateRules } from '../model/gate.ts';
import { type Database, type Queryable, inTransaction, run } from './database.ts';

export interface TrainingSettings {
  readonly gate: GateRules;
  /** Item sides of so many versions stay. */
  readonly keepVersions: number;
  readonly search: SearchMode;
  readonly split: SplitMethod;
  /** Share of the places of shoppers' lists that new items may take, where neither request nor scenario says another. */
  readonly explore: number;
  /** So long after a click a cart or purchase of the item is put down to the list. */
  readonly attributionHours: number;
  /** How much shoppers count for others (`model/voices.ts`). */
  readonly rampDays: number;
  readonly hourlyEvents: number;
  /** Bursts on single items are left out of training (`model/quality/bursts.ts`). */
  readonly leaveOutBursts: boolean;
  /** What a version that went live is watched for (`live-experiments.ts`): nothing, or being worse than the former one, and whether it is then rolled back. */
  readonly guard: GuardMode;
  readonly guardShare: number;
  readonly guardHours: number;
}

export const GUARD_MODES = ['off', 'notify', 'on'] as const;
export type GuardMode = (typeof GUARD_MODES)[number];

export type SettingValue = number | boolean | string;

export type SettingRule = { readonly default: SettingValue; readonly says: string } & (
  | { readonly kind: 'number' | 'integer'; readonly least: number; readonly most: number }
  | { readonly kind: 'switch' }
  | { readonly kind: 'choice'; readonly among: readonly string[] }
);

export type SettingName = `gate.${keyof GateRules}` | Exclude<keyof TrainingSettings, 'gate'>;

/** The gate's defaults are those of `model/gate.ts`, which a test holds against these: this room imports no values of another. */
export const SETTINGS: Readonly<Record<SettingName, SettingRule>> = {
  'gate.margin': { kind: 'number', least: 0, most: 1, default: 0.05, says: 'a new recipe may be worse than the live one by less than this share' },
  'gate.minUsers': { kind: 'integer', least: 1, most: 1_000_000, default: 200, says: 'with fewer test users the comparison with the live recipe counts as underpowered' },
  'gate.publishUnmeasured': { kind: 'switch', default: false, says: 'publish a model that could not be measured' },
  'gate.manual': { kind: 'switch', default: false, says: 'what the gate would publish waits for somebody’s word' },
  'gate.normRatio': { kind: 'number', least: 1.1, most: 1000, default: 3, says: 'items of the published fit may be so many times longer or shorter than those of the measured one' },
  'gate.overlap': { kind: 'number', least: 0, most: 1, default: 0.2, says: 'least share that lists of the published and of the measured fit have in common' },
  keepVersions: { kind: 'integer', least: 1, most: 1000, default: 5, says: 'so many model versions can be activated again; older ones keep their reports alone' },
  search: { kind: 'choice', among: ['off', 'light', 'full'], default: 'light', says: 'how long a run looks for a better recipe: off, light, or full' },
  split: { kind: 'choice', among: ['time', 'leave-last-out'], default: 'time', says: 'what is held out to measure on: the newest events, or each shopper’s last' },
  explore: { kind: 'number', least: 0, most: 0.5, default: 0.1, says: 'share of the places of shoppers’ lists that new items may take, where neither request nor scenario says another' },
  attributionHours: { kind: 'integer', least: 1, most: 720, default: 24, says: 'so many hours after a click on a recommended item its carts and purchases count for the list' },
  rampDays: { kind: 'integer', least: 1, most: 365, default: 2, says: 'a shopper counts in full for what others are shown once they were there on so many days, and in proportion before; 1: everybody does at once' },
  hourlyEvents: { kind: 'integer', least: 0, most: 1_000_000, default: 300, says: 'a shopper with more events in an hour counts less for others, in proportion; 0: however many' },
  leaveOutBursts: { kind: 'switch', default: false, says: 'training leaves out what crowds of one-day shoppers did on single items (finding item-burst)' },
  guard: { kind: 'choice', among: GUARD_MODES, default: 'on', says: 'after a version goes live some shoppers stay on the former one for a while; where the new one is clearly worse it is rolled back (on), or told of alone (notify); off: everybody has the new one at once' },
  guardShare: { kind: 'number', least: 0.01, most: 0.5, default: 0.2, says: 'share of the shoppers who stay on the former version meanwhile' },
  guardHours: { kind: 'integer', least: 1, most: 168, default: 24, says: 'how many hours that lasts' },
};

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

/** What a setting must be, in words: "a number from 0 to 1". */
export function describeSetting(name: SettingName): string {
  const rule = SETTINGS[name];
  switch (rule.kind) {
    case 'choice':
      return `one of ${rule.among.join(', ')}`;
    case 'switch':
      return 'true or false';
    default:
      return `a ${rule.kind === 'integer' ? 'whole ' : ''}number from ${rule.least} to ${rule.most}`;
  }
}

/** Whether a value is one that the setting may have. */
export function isValueOf(name: SettingName, value: unknown): value is SettingValue {
  const rule = SETTINGS[name];
  switch (rule.kind) {
    case 'choice':
      return typeof value === 'string' && rule.among.includes(value);
    case 'switch':
      return typeof value === 'boolean';
    default:
      return typeof value === 'number' && value >= rule.least && value <= rule.most && (rule.kind === 'number' || Number.isInteger(value));
  }
}

/** All settings, those that nobody changed with their defaults. One stored by another version that means nothing to this one counts as not changed. */
export async function readTrainingSettings(database: Queryable): Promise<TrainingSettings> {
  const rows = await run<{ name: SettingName; value: unknown }>(database, 'SELECT name, value FROM settings WHERE name = ANY($1)', [SETTING_NAMES]);
  const stored = new Map(rows.filter(({ name, value }) => isValueOf(name, value)).map(({ name, value }) => [name, value]));
  return nestSettings((name) => stored.get(name) ?? SETTINGS[name].default);
}

/** Flat names to the shape that everybody else sees. */
export function nestSettings(valueOf: (name: SettingName) => unknown): TrainingSettings {
  const gate: Record<string, unknown> = {};
  const settings: Record<string, unknown> = { gate };
  for (const name of SETTING_NAMES) {
    const [first, second] = name.split('.');
    if (second === undefined) {
      settings[first] = valueOf(name);
    } else {
      gate[second] = valueOf(name);
    }
  }
  return settings as unknown as TrainingSettings;
}

/** Changes those that are named and leaves the others; null sets one back to its default. Values must be checked before. @returns all settings as they are then */
export async function changeTrainingSettings(database: Database, changes: ReadonlyMap<SettingName, SettingValue | null>): Promise<TrainingSettings> {
  return await inTransaction(database, async (connection) => {
    // In the order of their names: two changes at once wait for one another instead of blocking both.
    const names = [...changes.keys()].toSorted();
    const set = names.filter((name) => changes.get(name) !== null);
    const unset = names.filter((name) => changes.get(name) === null);
    await run(connection, 'DELETE FROM settings WHERE name = ANY($1)', [unset]);
    await run(
      connection,
      `INSERT INTO settings (name, value) SELECT name, value FROM unnest($1::text[], $2::jsonb[]) AS changed (name, value) ORDER BY name
       ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = now()`,
      [set, set.map((name) => JSON.stringify(changes.get(name)))],
    );
    // Answers go by some of them, on every replica.
    await run(connection, `SELECT pg_notify('jongleur_scenarios', '')`);
    return await readTrainingSettings(connection);
  });
}
