import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultGateRules } from '../../src/model/gate.ts';
import { type Database, run } from '../../src/storage/database.ts';
import { SETTINGS, SETTING_NAMES, changeTrainingSettings, describeSetting, isValueOf, nestSettings, readTrainingSettings } from '../../src/storage/settings.ts';
import { type OwnDatabase, openTestDatabase } from '../support/database.ts';

describe('training settings', () => {
  let made: OwnDatabase;
  let database: Database;
  const defaults = nestSettings((name) => SETTINGS[name].default);
  beforeAll(async () => {
    made = await openTestDatabase(4);
    ({ database } = made);
  });
  afterAll(async () => {
    await made.close();
  });

  it('are the gate’s own defaults, five versions, a light search and a split by time where nobody changed them', async () => {
    expect(await readTrainingSettings(database)).toEqual({ gate: defaultGateRules, keepVersions: 5, search: 'light', split: 'time', explore: 0.1, attributionHours: 24, rampDays: 2, hourlyEvents: 300, leaveOutBursts: false, guard: 'on', guardShare: 0.2, guardHours: 24 });
    expect(SETTING_NAMES.every((name) => isValueOf(name, SETTINGS[name].default))).toBe(true);
  });

  it('change one by one, and go back to the default', async () => {
    expect(await changeTrainingSettings(database, new Map<'gate.margin' | 'search', number | string>([['gate.margin', 0.1], ['search', 'full']]))).toEqual({ ...defaults, gate: { ...defaultGateRules, margin: 0.1 }, search: 'full' });
    expect(await changeTrainingSettings(database, new Map([['gate.manual', true]]))).toMatchObject({ gate: { margin: 0.1, manual: true }, search: 'full' });
    expect(await changeTrainingSettings(database, new Map([['gate.margin', null], ['search', null]]))).toEqual({ ...defaults, gate: { ...defaultGateRules, manual: true } });
    expect(await changeTrainingSettings(database, new Map())).toEqual(await readTrainingSettings(database));
    await changeTrainingSettings(database, new Map([['gate.manual', null]]));
  });

  it('do not undo one another when several people change them at once', async () => {
    const changes = SETTING_NAMES.map((name) => new Map([[name, SETTINGS[name].kind === 'switch' ? true : SETTINGS[name].default]]));
    await Promise.all([...changes, ...changes.toReversed()].map(async (change) => await changeTrainingSettings(database, change)));
    expect(await readTrainingSettings(database)).toEqual({ ...defaults, gate: { ...defaultGateRules, manual: true, publishUnmeasured: true }, leaveOutBursts: true });
    await changeTrainingSettings(database, new Map(SETTING_NAMES.map((name) => [name, null])));
    expect(await run(database, 'SELECT name FROM settings')).toEqual([]);
  });

  it('count as not changed where another version left something that means nothing here', async () => {
    await run(database, `INSERT INTO settings (name, value) VALUES ('gate.margin', '"much"'), ('search', '"endless"'), ('keepVersions', '2.5'), ('gate.minUsers', '50')`);
    expect(await readTrainingSettings(database)).toEqual({ ...defaults, gate: { ...defaultGateRules, minUsers: 50 } });
  });

  it('know their bounds', () => {
    expect([isValueOf('gate.margin', 0), isValueOf('gate.margin', 1.01), isValueOf('gate.margin', Number.NaN), isValueOf('gate.margin', '0.1'), isValueOf('keepVersions', 0), isValueOf('gate.manual', 1), isValueOf('split', 'random')]).toEqual([true, false, false, false, false, false, false]);
    expect([describeSetting('gate.minUsers'), describeSetting('gate.manual'), describeSetting('search')]).toEqual(['a whole number from 1 to 1000000', 'true or false', 'one of off, light, full']);
  });
});
