/**
 * How requests are checked. Bodies are taken literally: Fastify's defaults would turn `null` into 0 (a rating taken back would become the worst one) and would drop
 * a misspelt field without a word. Only what comes as text in any case, the query and the path, is converted.
 */
import { Readable } from 'node:stream';
import type { FastifyRequest, FastifySchemaCompiler } from 'fastify';
import { Ajv, type Options } from 'ajv';
import { faultOfId } from '../ingest/ids.ts';
import { faultOfNumber, parseTime } from '../ingest/validate.ts';
import { Problem } from './problems.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** No body at all counts as {}. */
    bodyOptional?: boolean;
  }
}

/** Well-formed, without NUL: what Postgres can keep in a text column. */
function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** Catalogue times may lie far ahead (an item that expires in ten years). */
const FAR_AHEAD_MS = Date.UTC(2200, 0, 1);

function createAjv(coerceTypes: Options['coerceTypes']): Ajv {
  // "Infinity" and "1e999" are taken for numbers, and strict numbers have no bounds there: of JSON such a number is refused, of text the bounds refuse it.
  const ajv = new Ajv({ coerceTypes, strictNumbers: coerceTypes === false, removeAdditional: false, useDefaults: true, allErrors: true, verbose: true, strict: true, allowUnionTypes: true, keywords: ['example', 'x-default'] });
  ajv.addFormat('id', (text) => faultOfId(text) === null);
  ajv.addFormat('text', isStorableText);
  // JSON numbers that `real` can keep.
  ajv.addFormat('amount', { type: 'number', validate: (number: number) => faultOfNumber(number) === null });
  ajv.addFormat('value', { type: 'number', validate: (number: number) => faultOfNumber(number) === null });
  ajv.addFormat('date-time', (text) => typeof parseTime(text, FAR_AHEAD_MS) === 'number');
  return ajv;
}

const literal = createAjv(false);
const converting = createAjv('array');

export const validatorCompiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) => (httpPart === 'body' ? literal : converting).compile(schema);

/** Far more than a catalogue needs; JSON.parse takes any depth, and everything that recurses afterwards (error messages, jsonb) would run out of stack. */
const MAX_BODY_LEVELS = 32;

/** What whoever copies an object by assignment would take for the prototype of all objects. */
const PROTOTYPE = '__proto__';

/** @returns the names down to a value that nests more levels than are left, or to a field with the prototype's name; or null */
function findUnwelcome(value: unknown, levelsLeft: number): string[] | null {
  if (typeof value !== 'object' || value === null) {
    return null;
  }
  if (levelsLeft === 0) {
    return [];
  }
  for (const name in value) {
    const names = name === PROTOTYPE ? [] : findUnwelcome((value as Record<string, unknown>)[name], levelsLeft - 1);
    if (names !== null) {
      return [name, ...names];
    }
  }
  return null;
}

/** Whether `checkBody` refuses it for how it nests or what its fields are called. */
export function isUnwelcome(value: unknown): boolean {
  return findUnwelcome(value, MAX_BODY_LEVELS) !== null;
}

/**
 * A JSON body as its value, also with the mark that some editors put at its beginning. No text is no body: clients that always name a type send it with DELETE too, and where a body is needed `checkBody` says so.
 *
 * @param done is told the value, or a Problem that says where it is no JSON
 */
export function parseJsonBody(text: string, done: (error: Error | null, value?: unknown) => void): void {
  let value: unknown;
  try {
    value = text === '' ? undefined : JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  } catch (error) {
    done(new Problem('body-not-json', (error as SyntaxError).message));
    return;
  }
  done(null, value);
}

/**
 * What can be said of a body before its schema is looked at. Where it may be left out, it is {} from here on.
 *
 * @throws Problem where there is none though the operation needs one, where it nests too deep, and where a field is called `__proto__`
 */
export function checkBody(request: FastifyRequest): void {
  if (request.body === undefined && request.routeOptions.config.bodyOptional === true) {
    request.body = {};
  }
  if (request.body === undefined && request.routeOptions.schema?.body !== undefined) {
    throw new Problem('body-empty', 'The request has no body; this operation needs one, with Content-Type: application/json.');
  }
  // Read by the route, piece by piece.
  if (request.body instanceof Readable) {
    return;
  }
  const names = findUnwelcome(request.body, MAX_BODY_LEVELS);
  if (names?.at(-1) === PROTOTYPE) {
    throw new Problem('invalid-request', `No field may be called ${PROTOTYPE}.`, { field: names.join('.') });
  }
  if (names !== null) {
    const field = names.slice(0, 3).join('.');
    throw new Problem('invalid-request', `${field === '' ? 'The body' : field} nests more than ${MAX_BODY_LEVELS} levels deep.`, { field });
  }
}

/** Text or a number anywhere inside a JSON value that Postgres could not keep. @returns its path, or null */
export function findUnstorable(value: unknown, path: string): string | null {
  if (typeof value === 'string') {
    return isStorableText(value) ? null : path;
  }
  // 1e400 is valid JSON and no number that could be kept.
  if (typeof value === 'number') {
    return Number.isFinite(value) ? null : path;
  }
  if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      const found = isStorableText(name) ? findUnstorable(inner, `${path}.${name}`) : path;
      if (found !== null) {
        return found;
      }
    }
  }
  return null;
}
