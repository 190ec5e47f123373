/**
 * All talk with the service: the public API under `v1/` and the dashboard's own login. The session's cookie takes the place of a key. Paths are relative to the page, as a proxy may put a path before them.
 */

/** What the service said no with, in its own words. */
export class Refusal extends Error {
  /** @param {number} status HTTP's; 0 where nothing answered */
  constructor(status, { code = 'unreachable', detail = '', remedy = '', field = null, ...more } = {}) {
    super([detail, remedy].filter((text) => text !== '').join(' '));
    this.name = 'Refusal';
    Object.assign(this, { status, code, detail, remedy, field, more });
  }
}

let whenLoggedOut = () => undefined;

/** @param {() => void} listener called whenever an answer says that the session has ended */
export function onLoggedOut(listener) {
  whenLoggedOut = listener;
}

const UNREACHABLE = { code: 'unreachable', detail: 'The service does not answer.', remedy: 'Is it still running? This page tries again by itself.' };

/** @throws Refusal where the answer is a problem, or none */
async function ask(method, path, { body, headers = {}, signal } = {}) {
  const request = { method, credentials: 'same-origin', headers, body, signal };
  let answer;
  try {
    answer = await fetch(path, request);
  } catch (error) {
    if (error.name === 'AbortError') {
      throw error;
    }
    throw new Refusal(0, UNREACHABLE);
  }
  if (answer.ok) {
    return answer;
  }
  const problem = await answer.json().catch(() => ({ code: 'unknown', detail: `The answer was ${answer.status}${answer.statusText === '' ? '' : ` (${answer.statusText})`}, without a reason.` }));
  if (answer.status === 401 && path !== 'dashboard/session') {
    whenLoggedOut();
  }
  throw new Refusal(answer.status, problem);
}

/**
 * @param {string} method
 * @param {string} path below the service, such as `v1/models?limit=5`
 * @param {unknown} body sent as JSON; a Blob, a File or FormData as it is
 * @param {{ signal?: AbortSignal, headers?: Record<string, string> }} options
 * @returns {Promise<any>} the answer's JSON, null where there is none
 * @throws {Refusal}
 */
export async function call(method, path, body, { signal, headers = {} } = {}) {
  const isFile = body instanceof Blob || body instanceof FormData;
  const answer = await ask(method, path, { signal, body: body === undefined || isFile ? body : JSON.stringify(body), headers: body === undefined || isFile ? headers : { 'content-type': 'application/json', ...headers } });
  return answer.status === 204 ? null : await answer.json();
}

/** As `call`, for answers that are text: a card as Markdown, a file of rows. */
export async function callText(path, { headers = {}, signal } = {}) {
  return await (await ask('GET', path, { headers, signal })).text();
}

/**
 * Server-sent events, until one of them ends the stream. A connection that breaks is made anew by the browser, and the service then begins from the first event again.
 *
 * @param {string} path below the service
 * @param {Record<string, (data: any) => void>} listeners by the event's name; after `end` nothing more comes
 * @param {() => void} [onRefused] the service will not have it, or has gone: asking by `call` says why
 * @returns {() => void} stops it
 */
export function follow(path, listeners, onRefused = () => undefined) {
  const source = new EventSource(path);
  for (const [name, listener] of Object.entries(listeners)) {
    source.addEventListener(name, ({ data }) => {
      if (name === 'end') {
        source.close();
      }
      listener(JSON.parse(data));
    });
  }
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) {
      onRefused();
    }
  });
  return () => source.close();
}

/** @param parameters those without a value are left out; a list becomes one text with commas */
export function withQuery(path, parameters) {
  const query = Object.entries(parameters)
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
    .join('&');
  return query === '' ? path : `${path}?${query}`;
}

/** An id, or another text, as a part of a path. */
export const inPath = (text) => encodeURIComponent(text);

/** Where this installation is reached, without a slash at its end: for what is shown to be copied. */
export function baseUrl() {
  return new URL('.', document.baseURI).href.replace(/\/$/, '');
}

/** How the process is: `{ status, database, modelVersion }`, also where it cannot answer for now. */
export async function readHealth() {
  const answer = await fetch('health/ready', { cache: 'no-store' });
  return await answer.json();
}
