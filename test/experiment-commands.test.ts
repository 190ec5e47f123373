import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CommandFault } from '../src/command-fault.ts';
import { addExperimentCommands } from '../src/experiment-commands.ts';
import type { House } from '../src/house.ts';
import type { Database } from '../src/storage/database.ts';
import { putDraft } from '../src/storage/live-experiments.ts';
import { type OwnDatabase, openTestDatabase } from './support/database.ts';

describe('jongleur experiments', () => {
  let made: OwnDatabase;
  let database: Database;
  beforeAll(async () => {
    made = await openTestDatabase(4);
    ({ database } = made);
  });
  afterAll(async () => {
    await made.close();
  });

  async function jongleur(...words: string[]): Promise<string> {
    const program = new Command().exitOverride();
    addExperimentCommands(program, { withHouse: async (work) => await work({ database } as House) });
    const printed: string[] = [];
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
    await program.parseAsync(['experiments', ...words], { from: 'user' }).finally(() => write.mockRestore());
    return printed.join('');
  }

  it('are listed, shown, started, promoted and stopped', async () => {
    expect(await jongleur()).toMatch(/no experiments yet/);
    await putDraft(database, 'shorter', { scenario: 'home', traffic: 0.5, measure: 'clicks', minEffect: 0.1, power: 0.8, variants: [{ name: 'as-it-is', share: 0.5 }, { name: 'short', share: 0.5, settings: { limit: 3 } }] });
    expect(await jongleur('show', 'shorter')).toMatch(/shorter: draft, 50 % of the shoppers[\s\S]*not started yet/);
    expect(await jongleur('start', 'shorter')).toMatch(/shorter: running[\s\S]*too early/);
    expect(await jongleur('list')).toMatch(/shorter +running +\d{4}-.* home +as-it-is 50 %, short 50 %/);
    await expect(jongleur('promote', 'shorter', 'long')).rejects.toThrow(/no variant "long"; it has as-it-is, short/);
    expect(JSON.parse(await jongleur('promote', 'shorter', 'short', '--json'))).toMatchObject({ state: 'stopped', ended: 'promoted', promoted: 'short' });
    expect((await database.query(`SELECT definition->'limit' AS limit FROM scenarios WHERE name = 'home'`)).rows).toEqual([{ limit: 3 }]);
    await expect(jongleur('stop', 'shorter')).rejects.toThrow(CommandFault);
    await expect(jongleur('delete', 'shorter')).rejects.toThrow(/was started, and stays/);
    await putDraft(database, 'second-thoughts', { traffic: 1, measure: 'clicks', minEffect: 0.1, power: 0.8, variants: [{ name: 'a', share: 0.5 }, { name: 'b', share: 0.5 }] });
    expect(await jongleur('delete', 'second-thoughts')).toBe('The draft second-thoughts is deleted.\n');
    await expect(jongleur('delete', 'second-thoughts')).rejects.toThrow(/no experiment "second-thoughts"/);
    await expect(jongleur('show', 'longer')).rejects.toThrow(/no experiment "longer"/);
  });
});
