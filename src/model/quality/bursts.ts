/**
 * Items that users of a single day fall upon all at once: what somebody does who pushes an item with made-up accounts, and what a campaign does. Found, told of, and left out where a shop says so.
 *
 * A one-off user's events all lie within a day, or are at most `newUserEvents`. A burst is an hour in which so many of them first met an item that neither the item's own rate nor how busy that hour
 * was explains it. Where all events come at once (a file without times), nothing stands out and nothing is found.
 */
import { type EventColumns, type EventTypeRule, selectEvents } from '../interactions.ts';
import { dayMs, type EventProfile, hourMs, profileEvents } from './profile.ts';
import { busiestHour, bySuspicion, lowerBound, type Suspect } from './suspects.ts';

export const burstLimits = {
  /** One-off users who first meet an item within 60 minutes … */
  users: 20,
  /** … so many times what the item's own rate over all days lets expect … */
  rate: 10,
  /** … and its share of all users who came for the first time in those minutes. */
  share: 5,
  newUserEvents: 3,
} as const;

export interface Burst extends Suspect {
  fromMs: number;
}

/** (one-off user, item) with the moment they first met, by item: those of item i are start[i] … start[i + 1] − 1. */
interface Meetings {
  start: Int32Array;
  user: Int32Array;
  ms: Float64Array;
  /** When each user came first, of whatever kind, ascending. */
  arrivals: Float64Array;
}

/** The items' worst hours, most users first. */
export function findBursts(columns: EventColumns, profile: EventProfile): Burst[] {
  return judgeMeetings(findMeetings(columns, profile), profile);
}

function findMeetings({ occurredAtMs }: EventColumns, { eventsPerUser, usersPerItem, items, rows, rowStart }: EventProfile): Meetings {
  const slotOf = new Int32Array(usersPerItem.length);
  const [users, met, times] = [new Int32Array(rows.length), new Int32Array(rows.length), new Float64Array(rows.length)];
  const arrivals = new Float64Array(eventsPerUser.length);
  let [count, arrived] = [0, 0];
  for (let u = 0; u < eventsPerUser.length; u++) {
    const [from, to] = [rowStart[u]!, rowStart[u + 1]!];
    let [first, last] = [Infinity, -Infinity];
    for (let n = from; n < to; n++) {
      const ms = occurredAtMs[rows[n]!]!;
      if (ms < first) first = ms;
      if (ms > last) last = ms;
    }
    if (to > from) arrivals[arrived++] = first;
    if (!(to - from <= burstLimits.newUserEvents || last - first < dayMs)) continue;
    const begin = count;
    for (let n = from; n < to; n++) {
      const item = items.index[rows[n]!]!;
      const ms = occurredAtMs[rows[n]!]!;
      const slot = slotOf[item]!;
      if (slot >= begin && slot < count && met[slot] === item) {
        if (ms < times[slot]!) times[slot] = ms;
        continue;
      }
      slotOf[item] = count;
      [users[count], met[count], times[count]] = [u, item, ms];
      count++;
    }
  }
  const start = new Int32Array(usersPerItem.length + 1);
  for (let n = 0; n < count; n++) start[met[n]! + 1]!++;
  for (let i = 0; i < usersPerItem.length; i++) start[i + 1]! += start[i]!;
  const next = start.slice();
  const meetings: Meetings = { start, user: new Int32Array(count), ms: new Float64Array(count), arrivals: arrivals.slice(0, arrived).sort() };
  for (let n = 0; n < count; n++) {
    const at = next[met[n]!]!++;
    meetings.user[at] = users[n]!;
    meetings.ms[at] = times[n]!;
  }
  return meetings;
}

function judgeMeetings({ start, ms, arrivals }: Meetings, { usersPerItem, perDay }: EventProfile): Burst[] {
  const hours = 24 * Math.max(1, perDay.length);
  const found: Burst[] = [];
  for (let i = 0; i < usersPerItem.length; i++) {
    const own = ms.slice(start[i]!, start[i + 1]!);
    if (own.length < burstLimits.users) continue;
    const { count, fromMs } = busiestHour(own.sort());
    const inThatHour = lowerBound(arrivals, fromMs + hourMs) - lowerBound(arrivals, fromMs);
    const isBurst = count >= burstLimits.users && count >= (burstLimits.rate * own.length) / hours && count >= burstLimits.share * (own.length / arrivals.length) * inThatHour;
    if (isBurst) found.push({ index: i, figure: count, fromMs });
  }
  return found.sort(bySuspicion);
}

/** What was left out of a training, by number: ids are looked up when it is read. */
export interface LeftOut {
  events: number;
  users: number;
  /** Most users first; at most a hundred of them are named. */
  items: { itemNo: number; users: number; fromMs: number }[];
}

const mostNamed = 100;

/** Without what one-off users of a burst did on its item. Everything else they did stays. `leftOut` null: there is no burst, and the events are the very same. */
export function leaveOutBursts(columns: EventColumns, rules: readonly EventTypeRule[], nowMs: number): { columns: EventColumns; leftOut: LeftOut | null } {
  const profile = profileEvents(columns, rules, nowMs);
  const meetings = findMeetings(columns, profile);
  const bursts = judgeMeetings(meetings, profile);
  if (bursts.length === 0) return { columns, leftOut: null };
  const { users, items } = profile;
  /** Item × users + user. */
  const pairs = new Set<number>();
  const pushers = new Set<number>();
  for (const { index, fromMs } of bursts) {
    for (let n = meetings.start[index]!; n < meetings.start[index + 1]!; n++) {
      if (meetings.ms[n]! < fromMs || meetings.ms[n]! >= fromMs + hourMs) continue;
      pairs.add(index * users.nos.length + meetings.user[n]!);
      pushers.add(meetings.user[n]!);
    }
  }
  const kept = new Int32Array(columns.length);
  let count = 0;
  for (let i = 0; i < columns.length; i++) if (!pairs.has(items.index[i]! * users.nos.length + users.index[i]!)) kept[count++] = i;
  const rest = kept.subarray(0, count);
  const { group } = columns;
  return {
    columns: { ...selectEvents(columns, rest), ...(group === undefined ? {} : { group: Int32Array.from(rest, (row) => group[row]!) }) },
    leftOut: { events: columns.length - count, users: pushers.size, items: bursts.slice(0, mostNamed).map(({ index, figure, fromMs }) => ({ itemNo: items.nos[index]!, users: figure, fromMs })) },
  };
}
