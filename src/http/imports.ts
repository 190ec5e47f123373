/** Files in: imports as jobs that can be looked at, followed, cancelled, mended and undone. */
import { setTimeout as wait } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from 'typebox';
import { COLUMN_MEANINGS, parseColumnMapping } from '../ingest/columns.ts';
import { NEEDS, PREVIEW_BYTES } from '../ingest/dry-run.ts';
import { DECIMALS } from '../ingest/file-numbers.ts';
import { DATE_FORMATS } from '../ingest/file-times.ts';
import type { ImportRequest } from '../ingest/import-jobs.ts';
import type { DryRun } from '../ingest/importer.ts';
import { isNdjson, quarantineText } from '../ingest/quarantine.ts';
import { PRESETS } from '../ingest/rows.ts';
import { type ImportRecord, findImport, listImportErrors, listImports, requestImportCancel } from '../storage/imports.ts';
import { pageOf, parseCursor } from './paging.ts';
import { Problem } from './problems.ts';
import { Cursor, Limit, Nullable, NumberParams, OneOf, Page, ProblemBody, commonErrors, withNotFound } from './schemas.ts';
import type { Services } from './services.ts';
import { acceptStreams, isGzipped } from './streams.ts';

const FILE_TYPES = ['text/csv', 'text/tab-separated-values', 'text/plain', 'application/x-ndjson', 'application/jsonl', 'application/gzip', 'application/octet-stream'] as const;
const FOLLOW_MS = 500;
const MAX_FOLLOWERS = 50;

/** How a file is to be read. */
const Reading = {
  kind: Type.Optional(OneOf(['events', 'items', 'users'], 'What the rows are. Default: events')),
  preset: Type.Optional(OneOf(Object.keys(PRESETS), 'A kind of file that is known. Default: generic')),
  columns: Type.Optional(Type.String({ maxLength: 2000, description: 'Which column means what; the rest is found by the usual names. `price=` says that none is the price; a part with a comma in it stands in quotes', examples: ['user=customer,item=sku,time=ordered_at'] })),
  type: Type.Optional(Type.String({ maxLength: 256, description: 'Event type of rows that name none', examples: ['purchase'] })),
  delimiter: Type.Optional(Type.String({ minLength: 1, maxLength: 2, description: 'Between columns: one character, or \\t. Default: found out' })),
  encoding: Type.Optional(OneOf(['utf-8', 'utf-16le', 'utf-16be', 'windows-1252'], 'Default: found out')),
  dates: Type.Optional(OneOf(DATE_FORMATS, 'iso (also Unix times), dmy or mdy')),
  decimals: Type.Optional(OneOf(DECIMALS, 'How numbers are written: point, or comma (4,90). Default: found out')),
  header: Type.Optional(Type.Boolean({ description: 'false: the first line is a row; columns are named by their places, from 1' })),
};
const ImportQuery = Type.Object(
  {
    ...Reading,
    maxBadShare: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'More bad rows than this, after the first thousand rows, end the import. Default: 0.5' })),
    source: Type.Optional(Type.String({ maxLength: 256, format: 'text', description: 'What to call the file', examples: ['orders.csv'] })),
    dryRun: Type.Optional(Type.Boolean({ description: 'true: nothing is stored; the first 1,000 rows are shown as they would be taken' })),
  },
  { additionalProperties: false },
);
const Counts = Type.Record(Type.String(), Type.Integer(), { description: 'Rows that were left out, by reason' });
const Import = Type.Object({
  no: Type.Integer(),
  state: OneOf(['running', 'done', 'failed', 'cancelled', 'interrupted', 'undone'], 'interrupted: its process ended before it did; it goes on at the next start, or when the same file is sent again'),
  kind: OneOf(['events', 'items', 'users']),
  source: Type.String(),
  preset: Type.String(),
  layout: Type.Object({}, { additionalProperties: true, description: 'What was found out about the file: columns, delimiter, encoding, dates, decimals' }),
  rowsRead: Type.Integer(),
  rowsImported: Type.Integer(),
  rowsDuplicate: Type.Integer({ description: 'Rows that were stored before' }),
  rowsQuarantined: Type.Integer({ description: 'Rows kept aside, see /errors' }),
  skipped: Counts,
  lastLine: Type.Integer({ description: 'Everything up to this line is dealt with and safe' }),
  progress: Type.Number({ description: '0 to 1, by bytes' }),
  code: Nullable(Type.String()),
  message: Nullable(Type.String({ description: 'Why it ended before its end' })),
  startedAt: Type.String(),
  finishedAt: Nullable(Type.String()),
});
const Skipped = Type.Record(Type.String(), Type.Object({ count: Type.Integer(), firstLine: Type.Integer(), example: Type.String() }));
const PreviewQuery = Type.Object({ ...Reading, whole: Type.Optional(Type.Boolean({ description: 'true: the body is the whole file; else what follows its last line break is left out' })) }, { additionalProperties: false });
const Sample = {
  rowsRead: Type.Integer({ description: 'The first 1,000 at most' }),
  rows: Type.Array(Type.Object({ line: Type.Integer(), userId: Type.String(), itemId: Type.String(), type: Type.String(), value: Nullable(Type.Number()), quantity: Nullable(Type.Number()), price: Nullable(Type.Number()), occurredAt: Type.String() }), { description: 'The first 20 as they would be stored' }),
  skipped: Skipped,
};
const DryRunAnswer = Type.Object({ layout: Type.Object({}, { additionalProperties: true }), ...Sample });
const Preview = Type.Object({
  format: OneOf(['csv', 'ndjson']), encoding: Type.String(), delimiter: Type.String(), gzipped: Type.Boolean(),
  header: Type.Boolean({ description: 'false: the first line is a row; columns are called by their places' }),
  dates: OneOf(DATE_FORMATS), datesAmbiguous: Type.Boolean({ description: 'Day and month could be either way round in all rows looked at: say `dates`' }), decimals: OneOf(DECIMALS),
  columns: Type.Array(Type.Object({ name: Type.String(), meaning: Type.Unsafe<(typeof COLUMN_MEANINGS)[number] | null>({ type: ['string', 'null'], enum: [...COLUMN_MEANINGS, null], description: 'What it is taken for; null: nothing' }) }), { description: 'In their order' }),
  meanings: Type.Array(OneOf(COLUMN_MEANINGS), { description: 'All there are' }),
  needed: Type.Array(OneOf(COLUMN_MEANINGS), { description: 'Those that a file of this kind must have' }),
  missing: Type.Array(OneOf(COLUMN_MEANINGS), { description: '… and that no column has yet: say which has, by `columns`' }),
  head: Type.Array(Type.Object({ line: Type.Integer(), fields: Type.Array(Type.String()) }), { description: 'The first ten rows as they stand in the file; long fields are cut' }),
  defaultType: Type.String({ description: 'Event type of rows that name none' }),
  sample: Type.Union([Type.Object(Sample), Type.Null()], { description: 'The rows of these bytes as they would be taken, 1,000 at most; null while something is missing' }),
});
const KeptAside = Type.Object({ line: Type.Integer(), reason: Type.String(), text: Type.String({ description: 'The row as it stands in the file' }) });
const Started = Type.Object({ ...Type.Partial(Import).properties, dryRun: Type.Optional(DryRunAnswer) });

function shape(record: ImportRecord) {
  return { ...record, no: record.importNo, startedAt: record.startedAt.toISOString(), finishedAt: record.finishedAt?.toISOString() ?? null };
}

function shapeDryRun({ facts, rowsRead, rows, skipped }: DryRun) {
  const { columns, header, importNo: _, resumedFrom: __, ...layout } = facts;
  return { layout: { ...layout, columns: Object.fromEntries(Object.entries(columns).map(([meaning, column]) => [meaning, header[column]])) }, rowsRead, rows, skipped: skipped as Record<string, { count: number; firstLine: number; example: string }> };
}

/** @throws Problem */
function needFile(body: unknown): Readable {
  if (body === undefined) {
    throw new Problem('body-empty', 'The request has no body; it must be the file.');
  }
  if (!(body instanceof Readable)) {
    throw new Problem('media-type', `The body must be a file: send Content-Type ${FILE_TYPES.join(', ')}.`, { field: 'content-type' });
  }
  return body;
}

/** @throws ImportFileFault */
function readWanted({ columns, kind, preset, type, ...rest }: Omit<Static<typeof ImportQuery>, 'dryRun'>): ImportRequest {
  return { ...(rest as object), kind: kind ?? 'events', preset: preset ?? 'generic', columns: columns === undefined ? {} : parseColumnMapping(columns), type: type ?? null };
}

export function importRoutes({ database, imports }: Services): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    let followers = 0;
    const NO = NumberParams('Number of the import');
    const readImport = async (no: number) => {
      const record = await findImport(database, no);
      if (record === null) {
        throw new Problem('not-found', `There is no import ${no}.`, { field: 'no' });
      }
      return record;
    };

    app.register((scope, _scopeOptions, scopeDone) => {
      acceptStreams(scope, FILE_TYPES);
      scope.post(
        '/v1/imports',
        {
          config: { role: 'secret', shed: 'first', streamTypes: FILE_TYPES },
          schema: {
            operationId: 'startImport', tags: ['data'], summary: 'Import a file',
            description:
              'The body is the file: CSV (comma, semicolon, tab or |, a header line with the usual names or `columns`) or NDJSON, plain or gzipped, of any length. It is read whole, then imported as a job: the answer is its number; GET it to follow. With `dryRun=true` nothing is stored: the first 1,000 rows are shown as they would be taken. Sending a file again changes nothing.\n\n`curl --data-binary @orders.csv.gz -H "Content-Type: application/gzip" -H "Authorization: Bearer $KEY" "$URL/v1/imports?type=purchase"`',
            querystring: ImportQuery,
            response: { 200: Started, ...commonErrors, 413: ProblemBody },
          },
        },
        async (request, reply) => {
          const file = needFile(request.body);
          // Packed for the way or packed as a file: the importer looks at the first bytes.
          isGzipped(request);
          const { dryRun, ...query } = request.query as Static<typeof ImportQuery>;
          const wanted = readWanted(query);
          if (dryRun === true) {
            return { dryRun: shapeDryRun(await imports.dryRun(file, wanted)) };
          }
          const no = await imports.start(file, wanted);
          return reply.header('location', `/v1/imports/${no}`).send(shape(await readImport(no)));
        },
      );
      scope.post(
        '/v1/import-previews',
        {
          config: { role: 'secret', shed: 'first', streamTypes: FILE_TYPES },
          schema: {
            operationId: 'previewImport', tags: ['data'], summary: 'What is known of a file',
            description: `The body is the file’s first ${PREVIEW_BYTES / 1024} KiB, also of a packed one, or all of a smaller file: \`head -c ${PREVIEW_BYTES} orders.csv\`. The answer says what its columns are taken for and what is missing, with the first rows as they stand there and as they would be taken. Nothing is stored.`,
            querystring: PreviewQuery,
            response: { 200: Preview, ...commonErrors, 413: ProblemBody },
          },
        },
        async (request) => {
          const file = needFile(request.body);
          isGzipped(request);
          const { whole, ...query } = request.query as Static<typeof PreviewQuery>;
          const wanted = readWanted(query);
          const preview = await imports.preview(file, whole === true, wanted);
          return { ...preview, columns: [...preview.columns], meanings: [...COLUMN_MEANINGS], needed: [...NEEDS[wanted.kind ?? 'events']], missing: [...preview.missing], head: preview.head.map(({ line, fields }) => ({ line, fields: [...fields] })), sample: preview.sample && { ...preview.sample, skipped: preview.sample.skipped as Static<typeof Skipped> } };
        },
      );
      scopeDone();
    });
    app.get(
      '/v1/imports',
      { config: { role: 'secret' }, schema: { operationId: 'listImports', tags: ['data'], summary: 'Imports, newest first', querystring: Type.Object({ limit: Limit(200, 20), cursor: Cursor }, { additionalProperties: false }), response: { 200: Page(Import), ...commonErrors } } },
      async (request) => pageOf(await listImports(database, parseCursor(request.query.cursor), request.query.limit + 1), request.query.limit, (record) => record.importNo, shape),
    );
    app.get(
      '/v1/imports/:no',
      { config: { role: 'secret' }, schema: { operationId: 'getImport', tags: ['data'], summary: 'An import and how far it is', params: NO, response: { 200: Import, ...withNotFound } } },
      async (request) => shape(await readImport(request.params.no)),
    );
    app.get(
      '/v1/imports/:no/errors',
      {
        config: { role: 'secret', textTypes: ['application/x-ndjson'] },
        schema: {
          operationId: 'listImportErrors', tags: ['data'], summary: 'Rows that were kept aside', params: NO, produces: ['text/csv'],
          description: 'The rows as they stood in the file, as CSV with its header and two columns more, `_line` and `_reason`: mend them and send the file again (the two columns are not looked at). Of an NDJSON file: its lines. At most 100,000 rows are kept.',
          response: { 200: Type.String({ description: 'text/csv' }), ...withNotFound },
        },
      },
      async (request, reply) => {
        const record = await readImport(request.params.no);
        const ndjson = isNdjson(record);
        return reply
          .type(ndjson ? 'application/x-ndjson; charset=utf-8' : 'text/csv; charset=utf-8')
          .header('content-disposition', `attachment; filename="import-${record.importNo}-errors.${ndjson ? 'ndjson' : 'csv'}"`)
          .send(Readable.from(quarantineText(database, record)) as never);
      },
    );
    app.get(
      '/v1/imports/:no/quarantine',
      {
        config: { role: 'secret' },
        schema: { operationId: 'listQuarantine', tags: ['data'], summary: 'Rows that were kept aside, and why', description: 'To be looked at, in the file’s order; /errors has them as a file to mend.', params: NO, querystring: Type.Object({ limit: Limit(1_000, 50), cursor: Cursor }, { additionalProperties: false }), response: { 200: Page(KeptAside), ...withNotFound } },
      },
      async (request) => {
        const { importNo } = await readImport(request.params.no);
        const { limit, cursor } = request.query;
        return pageOf(await listImportErrors(database, importNo, parseCursor(cursor) ?? 0, limit + 1), limit, ({ line }) => line, ({ line, message, raw }) => ({ line, reason: message, text: raw }));
      },
    );
    app.get(
      '/v1/imports/:no/progress',
      {
        config: { role: 'secret' },
        schema: {
          operationId: 'followImport', tags: ['data'], summary: 'Follow an import', params: NO, produces: ['text/event-stream'],
          description: 'Server-sent events, from any replica: `progress` (`{rowsRead, rowsImported, progress, rowsPerSecond, secondsLeft}`) as it changes, and `end` (the import), after which the stream ends.',
          response: { 200: Type.String({ description: 'text/event-stream' }), ...withNotFound },
        },
      },
      async (request, reply) => {
        const first = await readImport(request.params.no);
        if (followers >= MAX_FOLLOWERS) {
          throw new Problem('too-many-followers', 'So many streams of progress are open in this process that no more can be.');
        }
        followers++;
        async function* follow(): AsyncGenerator<string> {
          try {
            let lastText = '';
            const startedMs = performance.now();
            for (let record = first; ; record = (await findImport(database, first.importNo)) ?? { ...record, state: 'undone' }) {
              const seconds = (Date.now() - record.startedAt.getTime()) / 1000;
              const left = record.progress > 0 && record.state === 'running' ? Math.round((seconds / record.progress) * (1 - record.progress)) : null;
              const text = JSON.stringify({ rowsRead: record.rowsRead, rowsImported: record.rowsImported, progress: record.progress, rowsPerSecond: Math.round(record.rowsRead / Math.max(seconds, 0.001)), secondsLeft: left });
              if (record.state !== 'running') {
                yield `event: progress\ndata: ${text}\n\nevent: end\ndata: ${JSON.stringify(shape(record))}\n\n`;
                return;
              }
              // A comment keeps proxies from closing a connection that says nothing.
              yield text === lastText ? ':\n' : `event: progress\ndata: ${text}\n\n`;
              lastText = text;
              if (performance.now() - startedMs > 6 * 3_600_000 || !request.mayGoOn()) {
                return;
              }
              await wait(FOLLOW_MS);
            }
          } finally {
            followers--;
          }
        }
        return reply.type('text/event-stream; charset=utf-8').headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' }).send(Readable.from(follow()) as never);
      },
    );
    app.post(
      '/v1/imports/:no/cancel',
      {
        config: { role: 'secret' },
        schema: { operationId: 'cancelImport', tags: ['data'], summary: 'Cancel an import', description: 'It ends at its next chunk; what is stored stays until the import is deleted.', params: NO, response: { 202: Import, ...withNotFound, 409: ProblemBody } },
      },
      async (request, reply) => {
        const record = await readImport(request.params.no);
        if (!(await requestImportCancel(database, record.importNo))) {
          throw new Problem('import-not-running', `Import ${record.importNo} has ended already (${record.state}).`);
        }
        return reply.code(202).send(shape(await readImport(record.importNo)));
      },
    );
    app.delete(
      '/v1/imports/:no',
      {
        config: { role: 'secret' },
        schema: { operationId: 'undoImport', tags: ['data'], summary: 'Undo an import', description: 'Deletes the events that it brought; users and items stay. Events that were stored before it, or came again by another way, are not touched. The next training follows.', params: NO, response: { 200: Type.Object({ no: Type.Integer(), eventsDeleted: Type.Integer() }), ...withNotFound, 409: ProblemBody } },
      },
      async (request) => {
        const record = await readImport(request.params.no);
        if (record.state === 'running') {
          throw new Problem('import-running', `Import ${record.importNo} is under way; cancel it first (POST /v1/imports/${record.importNo}/cancel).`);
        }
        if (record.kind !== 'events') {
          throw new Problem('import-not-undoable', `Import ${record.importNo} was one of ${record.kind}: what the catalogue said before is not kept.`);
        }
        return { no: record.importNo, eventsDeleted: await imports.undo(record.importNo) };
      },
    );
    done();
  };
}
