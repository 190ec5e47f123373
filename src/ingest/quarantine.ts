/** Rows that were kept aside, as a file that can be mended and sent again. */
import type { Queryable } from '../storage/database.ts';
import { type ImportRecord, listImportErrors } from '../storage/imports.ts';
import { joinRecord } from './csv-text.ts';

const ROWS_A_TIME = 1_000;

export function isNdjson(record: ImportRecord): boolean {
  return record.layout.format === 'ndjson';
}

/** CSV with the file's own header and two columns more, `_line` and `_reason`, which an import does not look at; of an NDJSON file its lines. */
export async function* quarantineText(database: Queryable, record: ImportRecord): AsyncGenerator<string> {
  const { delimiter, names } = record.layout as { delimiter?: string; names?: string[] };
  const ndjson = isNdjson(record);
  if (!ndjson) {
    yield `${joinRecord([...(names ?? []), '_line', '_reason'], delimiter)}\n`;
  }
  for (let after = 0; ; ) {
    const page = await listImportErrors(database, record.importNo, after, ROWS_A_TIME);
    yield page.map(({ line, message, raw }) => (ndjson ? `${raw}\n` : `${raw}${delimiter ?? ','}${joinRecord([line, message], delimiter)}\n`)).join('');
    if (page.length < ROWS_A_TIME) {
      return;
    }
    after = page.at(-1)!.line;
  }
}
