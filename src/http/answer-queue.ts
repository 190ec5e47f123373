/**
 * Lists that were asked for, made in the order in which they came, for `SLICE_MS` at a time.
 *
 * Between two slices the event loop makes its round: it reads what has come, and takes one new connection (libuv takes no more in a round, so that long rounds would keep new shoppers waiting for seconds). Whoever would wait longer
 * than `MOST_WAIT_MS`, by what a list has taken of late, is refused, at once and cheaply: a queue that stands makes everybody late and nobody better off (Maurer, "Fail at Scale", ACM Queue 13(8), 2015, after Nichols and Jacobson, "Controlling Queue
 * Delay", ACM Queue 10(5), 2012). What has gathered while the process did something else, a collection of garbage or a model that goes live, comes in one round, finds nobody who has waited for long, and is all taken.
 */
export interface AnswerQueue<T> {
  /** @returns false: too many wait already, and nothing was done */
  add(one: T): boolean;
}

const SLICE_MS = 3;
/** A hundred connections that ask for heavy lists all the time wait 60 ms and are well served. */
const MOST_WAIT_MS = 100;
/** A queue whose first has waited for less is no queue yet. */
const STANDING_MS = 30;
/** How much a slice tells of what a list takes. */
const SLICE_WEIGHT = 0.1;
/** So many that have been served are forgotten at once. */
const FORGET = 1_024;

/**
 * @param serve makes a list; what it throws is its own
 * @param endSlice calls when a slice is over
 * @param defer calls back after the event loop's next round
 */
export function createAnswerQueue<T>(serve: (one: T) => void, endSlice: () => void, now: () => number = () => performance.now(), defer: (work: () => void) => void = setImmediate): AnswerQueue<T> {
  let waiting: T[] = [];
  let sinceMs: number[] = [];
  let head = 0;
  /** From one list to the next while some waited, with the rounds between, ms. */
  let listMs = 0;
  let roundMs: number | null = null;

  function slice(): void {
    const startMs = roundMs ?? now();
    const endMs = now() + SLICE_MS;
    const before = head;
    do {
      serve(waiting[head++]);
    } while (head < waiting.length && now() < endMs);
    endSlice();
    const nowMs = now();
    listMs += SLICE_WEIGHT * ((nowMs - startMs) / (head - before) - listMs);
    roundMs = head < waiting.length ? nowMs : null;
    if (head === waiting.length || head >= FORGET) {
      waiting = waiting.slice(head);
      sinceMs = sinceMs.slice(head);
      head = 0;
    }
    if (waiting.length > 0) {
      defer(slice);
    }
  }

  return {
    add(one) {
      const nowMs = now();
      if (waiting.length === 0) {
        defer(slice);
      } else if ((waiting.length - head) * listMs > MOST_WAIT_MS && nowMs - sinceMs[head] > STANDING_MS) {
        return false;
      }
      waiting.push(one);
      sinceMs.push(nowMs);
      return true;
    },
  };
}
