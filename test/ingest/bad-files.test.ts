/** Files as they should not be, and a Postgres that goes away: what is told, what is stored, and that going on doubles nothing. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type ImportFacts, type ImportOptions, ImportTaken, dryRunFile, importFile } from '../../src/ingest/importer.ts';
import { createImportJobs } from '../../src/ingest/import-jobs.ts';
import { quarantineText } from '../../src/ingest/quarantine.ts';
import { eraseUser } from '../../src/storage/erasures.ts';
import { findImport, markLostImports } from '../../src/storage/imports.ts';
import { prepareImports } from '../support/imports.ts';

const NOW = Date.UTC(2026, 5, 15);

describe('an import of a bad file', () => {
  const place = prepareImports(3, NOW);

  const optionsOf = async (content: string | Buffer, options: Partial<ImportOptions> = {}) => place.optionsOf(await place.write(content), options);
  const run = async (content: string | Buffer, options: Partial<ImportOptions> = {}) => await importFile(await optionsOf(content, options));
  const aside = async (importNo: number) => {
    let text = '';
    for await (const piece of quarantineText(place.database, (await findImport(place.database, importNo))!)) {
      text += piece;
    }
    return text;
  };
  const stored = async () => (await place.database.query('SELECT count(*)::int AS n, count(DISTINCT dedup)::int AS ids FROM events')).rows[0];

  it('loses one row to a quote that is not closed, and keeps it aside as it stood', async () => {
    const lines = Array.from({ length: 40_000 }, (_, k) => `u${k % 70},i${k % 30},${1_700_000_000 + k},"A ""nice"" thing, ${k % 5}"`);
    lines[29_999] = 'u1,i99,1700000001,"open';
    const summary = await run(`user,item,time,title\n${lines.join('\n')}\n`);
    expect(summary).toMatchObject({ rowsRead: 40_000, rowsImported: 39_999, rowsQuarantined: 1, skipped: { 'quote not closed': { count: 1, firstLine: 30_001 } } });
    const text = await aside(summary.importNo);
    expect(text).toBe('user,item,time,title,_line,_reason\nu1,i99,1700000001,"open,30001,quote not closed\n');
    // Mended, as far as the quote goes, and sent again.
    expect(await run(text.replace('"open', '"closed"'))).toMatchObject({ rowsImported: 1, rowsQuarantined: 0 });
  });

  it('judges row by row numbers beyond all bounds and dates of several kinds', async () => {
    const text = `user,item,time,price
u1,i1,2026-01-31 10:00,1e308
u2,i1,31.01.2026 10:00,1
u3,i1,01/31/2026 10:00 AM,1
u4,i1,1769853600,1
u5,i1,2026-01-31T10:00:00+01:00,-1e-7
u6,i1,2026-01-31,1e9
`;
    const summary = await run(text);
    expect(summary).toMatchObject({ rowsImported: 2, rowsQuarantined: 4, skipped: { 'bad number': { count: 2, firstLine: 2 }, 'bad time': { count: 2, firstLine: 3 } } });
    // Each kind is a run of its own; what is stored is known again.
    expect(await run(text, { dates: 'dmy' })).toMatchObject({ rowsImported: 1, skipped: { 'bad time': { count: 3 } } });
    expect(await run(text, { dates: 'mdy' })).toMatchObject({ rowsImported: 1 });
    expect((await place.database.query(`SELECT count(DISTINCT occurred_at)::int AS n FROM events WHERE occurred_at::date = '2026-01-31'`)).rows[0].n).toBeGreaterThan(1);
  });

  it('with swapped columns shows it in a dry run, and stops a real one early', async () => {
    const lines = Array.from({ length: 5_000 }, (_, k) => `2026-01-01 10:00,i${k},u${k}`);
    const swapped = `user,item,time\n${lines.join('\n')}\n`;
    const looked = await dryRunFile(await optionsOf(swapped));
    expect(looked.skipped).toMatchObject({ 'bad time': { count: 1_000, firstLine: 2, example: '"2026-01-01 10:00,i0,u0"' } });
    await expect(run(swapped)).rejects.toThrow(/cannot be taken, more than the 50 % that are allowed; most often: bad time, first in line 2.*0 rows up to line/);
    expect(await stored()).toEqual({ n: 0, ids: 0 });
  });

  it('in an encoding that it does not have keeps rows with broken ids aside', async () => {
    // The head is plain ASCII, so it is taken for UTF-8; further down is Latin-1.
    const head = 'user,item\n' + 'u1,i1\n'.repeat(20_000);
    const summary = await run(Buffer.concat([Buffer.from(head), Buffer.from('Müller,i1\n', 'latin1'), Buffer.from('u2,i1\n')]));
    expect(summary).toMatchObject({ rowsImported: 20_001, rowsQuarantined: 1, skipped: { 'bad user id': { count: 1, firstLine: 20_002 } } });
    expect(await run('\uFEFFuser,item\r\nMüller,i1\n')).toMatchObject({ rowsImported: 1 });
  });

  describe('while Postgres', () => {
    const lines = Array.from({ length: 90_000 }, (_, k) => `u${k % 900},i${k % 77},${1_700_000_000 + (k >> 2)}`);
    const whole = `user,item,time\n${lines.join('\n')}\n`;

    it('goes away in the middle is interrupted, and goes on without doubles when the file is imported again', async () => {
      const options = await optionsOf(whole);
      const error = await importFile({
        ...options,
        onProgress: ({ rowsRead }) => {
          if (rowsRead > 30_000) {
            void place.database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jongleur-import' AND datname = current_database()`);
          }
        },
      }).catch((reason: unknown) => reason);
      expect(String(error)).toMatch(/Postgres cannot be used at the moment/);
      const [no] = await markLostImports(place.database);
      const { rowsImported, state } = (await findImport(place.database, no))!;
      expect(state).toBe('interrupted');
      expect(await stored()).toEqual({ n: rowsImported, ids: rowsImported });
      const facts: number[] = [];
      expect(await importFile({ ...options, onStart: ({ resumedFrom }) => facts.push(resumedFrom) })).toMatchObject({ importNo: no, rowsImported: 90_000, rowsDuplicate: 0 });
      expect(facts).toEqual([rowsImported + 1]);
      expect(await stored()).toEqual({ n: 90_000, ids: 90_000 });
    });

    it('goes away under a job goes on by itself once it is back', async () => {
      const jobFolder = join(place.folder, 'jobs');
      const jobs = createImportJobs({ database: place.database, connectionString: place.url, folder: jobFolder, now: () => NOW, log: () => undefined });
      const no = await jobs.start(Readable.from([gzipSync(whole)]), { kind: 'events', preset: 'generic', columns: {}, type: null });
      await expect.poll(async () => (await findImport(place.database, no))!.rowsImported, { timeout: 10_000, interval: 5 }).toBeGreaterThan(0);
      await place.database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jongleur-import' AND datname = current_database()`);
      await expect.poll(async () => {
        await jobs.recover();
        return (await findImport(place.database, no))!.state;
      }, { timeout: 20_000, interval: 100 }).toBe('done');
      expect((await findImport(place.database, no))!).toMatchObject({ rowsImported: 90_000, rowsDuplicate: 0 });
      expect(await stored()).toEqual({ n: 90_000, ids: 90_000 });
      await jobs.stop();
    });

    it('is looked through for lost imports, and shoppers leave one after the other, comes to its end as itself', async () => {
      const taken: number[] = [];
      const gone = new Set<string>();
      const elsewhere: unknown[] = [];
      let runs = true;
      const others = (async () => {
        for (let k = 0; runs; k++) {
          taken.push(...(await markLostImports(place.database)));
          const userId = `leaver${k % 100}`;
          if ((await eraseUser(place.database, userId)) !== null) {
            gone.add(userId);
          }
        }
      })();
      const options = await optionsOf(whole.replaceAll('\nu', '\nleaver'));
      const starts: ImportFacts[] = [];
      const { importNo } = await importFile({
        ...options,
        onStart: (facts) => {
          starts.push(facts);
          void importFile({ ...options, resumeNo: facts.importNo! }).catch((error: unknown) => elsewhere.push(error));
        },
      });
      const small = await optionsOf('user,item\nu,i\n');
      for (let k = 0; k < 5; k++) {
        await importFile({ ...small, source: `small-${k}` });
      }
      runs = false;
      await others;
      expect(taken).toEqual([]);
      expect(starts).toMatchObject([{ importNo, resumedFrom: 0 }]);
      await expect.poll(() => elsewhere).toEqual([new ImportTaken(importNo)]);
      expect((await findImport(place.database, importNo))!).toMatchObject({ state: 'done', rowsRead: 90_000 });
      // Several while each chunk was read.
      expect(gone.size).toBeGreaterThan(10);
      const { rows } = await place.database.query('SELECT user_id AS id, count(*)::int AS n FROM events LEFT JOIN users USING (user_no) GROUP BY 1');
      const kept = Array.from({ length: 900 }, (_, k) => `leaver${k}`).filter((id) => !gone.has(id));
      expect(new Map(rows.map(({ id, n }) => [id, n]))).toEqual(new Map([...kept.map((id) => [id, 100] as const), ['u', 1]]));
      await expect(importFile({ ...options, resumeNo: importNo })).rejects.toThrow(`Import ${importNo} is under way elsewhere, or has ended.`);
    });

    it('has no room left is interrupted with words, and goes on when there is room', async () => {
      // What Postgres says when the disk is full, from the 50,000th row on.
      await place.database.query(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.event_no % 1000000 >= (SELECT first FROM full_from) + 50000 THEN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$`);
      await place.database.query(`CREATE TABLE full_from AS SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('events', 'event_no')::regclass), 0) AS first`);
      await place.database.query('CREATE TRIGGER full_disk BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION full_disk()');
      const options = await optionsOf(whole);
      await expect(importFile(options)).rejects.toThrow(/Postgres has no room left to write.*what was stored before stays/);
      const { rows } = await place.database.query('SELECT state, message, rows_imported AS n FROM imports');
      expect(rows).toEqual([{ state: 'interrupted', message: expect.stringMatching(/no room left.*40000 rows up to line 40001 are stored/), n: 40_000 }]);
      await place.database.query('DROP TRIGGER full_disk ON events');
      expect(await importFile(options)).toMatchObject({ rowsImported: 90_000, rowsDuplicate: 0 });
      await place.database.query('DROP FUNCTION full_disk; DROP TABLE full_from');
    });
  });

  it('leaves the file as it was', async () => {
    const options = await optionsOf('user,item\nu,i\n');
    await importFile(options);
    expect(await readFile(options.path, 'utf8')).toBe('user,item\nu,i\n');
  });
});
