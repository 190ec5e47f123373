/**
 * How requests are checked. Bodies are taken literally: Fastify's defaults would turn `null` into 0 (a rating taken back would become the worst one) and would drop
 * a misspelt field without a word. Only what comes as text in any case, the query and the path, is converted.
 */
import type { FastifySchemaCompiler } from 'fastify';
import { Ajv, type Options } from 'ajv';
import { faultOfId } from '../ingest/ids.ts';
import { parseTime } from '../ingest/validate.ts';

/** Well-formed, without NUL: what Postgres can keep in a text column. */
function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** Catalogue times may lie far ahead (an item that expires in ten years). */
const FAR_AHEAD_MS = Date.UTC(2200, 0, 1);

function createAjv(coerceTypes: Options['coerceTypes']): Ajv {
  const ajv = new Ajv({ coerceTypes, removeAdditional: false, useDefaults: true, allErrors: true, verbose: true, strict: true, allowUnionTypes: true, keywords: ['example'] });
  ajv.addFormat('id', (text) => faultOfId(text) === null);
  ajv.addFormat('text', isStorableText);
  ajv.addFormat('date-time', (text) => typeof parseTime(text, FAR_AHEAD_MS) === 'number');
  return ajv;
}

const literal = createAjv(false);
const converting = createAjv('array');

export const validatorCompiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) => (httpPart === 'body' ? literal : converting).compile(schema);

/** Text anywhere inside a JSON value that Postgres could not keep. @returns its path, or null */
export function unstorableText(value: unknown, path: string): string | null {
  if (typeof value === 'string') {
    return isStorableText(value) ? null : path;
  }
  if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      const found = isStorableText(name) ? unstorableText(inner, `${path}.${name}`) : path;
      if (found !== null) {
        return found;
      }
    }
  }
  return null;
}
