/** Preloaded into the server: tells its memory when asked, after a collection of garbage, and writes a heap snapshot where a file is named. `--leak` plants what the soak must find. */
import { writeHeapSnapshot } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

const leaked = [];
// Threads are given the preload as well.
if (isMainThread && process.env.SOAK_LEAK_MB_PER_MINUTE !== undefined) {
  const kilobytes = (Number(process.env.SOAK_LEAK_MB_PER_MINUTE) * 1024) / 600;
  // Filled, so that the pages are really there.
  setInterval(() => leaked.push(Buffer.alloc(Math.round(kilobytes * 1024), 1)), 100).unref();
}

function answer({ snapshot }) {
  globalThis.gc();
  globalThis.gc();
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  if (snapshot !== undefined) {
    writeHeapSnapshot(snapshot);
  }
  process.send({ rssMb: rss / 2 ** 20, heapMb: (heapUsed + external) / 2 ** 20, pagesMb: heapTotal / 2 ** 20 });
}

if (isMainThread) {
  process.on('message', answer);
  process.channel.unref();
}
