/** A fault planted by `node --import`: every thread that trains dies of an exception as it begins. */
import { isMainThread, threadId } from 'node:worker_threads';

if (!isMainThread) {
  throw new Error(`planted in thread ${threadId}`);
}
