/**
 * The fault that the ledger test must find, planted into a server by `node --import`: COMMIT is answered at once and carried out a moment later, so events are acknowledged before they are safe.
 */
import pg from 'pg';

const DELAY_MS = 60;
const { query } = pg.Client.prototype;
const held = new WeakMap();

pg.Client.prototype.query = function (...args) {
  const waiting = held.get(this);
  if (args[0] === 'COMMIT') {
    const committing = (waiting ?? Promise.resolve()).then(() => new Promise((resolve) => setTimeout(resolve, DELAY_MS))).then(() => query.apply(this, args));
    held.set(this, committing.catch(() => undefined));
    return Promise.resolve({ command: 'COMMIT', rowCount: null, rows: [] });
  }
  // A stream is wanted at once; nothing that writes events is one.
  if (typeof args[0]?.submit === 'function' && !(args[0] instanceof pg.Query)) {
    return query.apply(this, args);
  }
  // What was written behind the COMMIT stays behind it.
  return waiting === undefined ? query.apply(this, args) : waiting.then(() => query.apply(this, args));
};
