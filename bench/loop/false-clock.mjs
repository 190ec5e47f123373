/** Loaded before the server: its clock is set by whoever started it, and goes on from there at the usual pace. Postgres keeps its own. */
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const RealDate = Date;
  let offsetMs = 0;
  globalThis.Date = class extends RealDate {
    constructor(...given) {
      super(...(given.length === 0 ? [RealDate.now() + offsetMs] : given));
    }
    static now() {
      return RealDate.now() + offsetMs;
    }
  };
  process.on('message', ({ nowMs }) => {
    offsetMs = nowMs - RealDate.now();
    process.send({ nowMs });
  });
  // The server lives for its own reasons, not for this channel.
  process.channel.unref();
}
