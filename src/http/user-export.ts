/** All that is kept of a shopper, as JSON: made by hand, since by the route's schema it took twice as long for a busy one. */
import { RECOMMENDATION_SOURCES } from '../serving/recommendation-id.ts';
import type { UserEventPage } from '../storage/user-events.ts';
import type { UserSummary } from '../storage/users.ts';
import { cursorAt } from './paging.ts';

const DAY_MS = 86_400_000;
/** With their zeros. */
const TWO_DIGITS = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'));
const THREE_DIGITS = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'));
/** A float32 is told from all others by so many digits at least, and at most. */
const MIN_DIGITS = 6;
const MAX_DIGITS = 9;

/** @param derived left out where it is undefined @param limit of events; one more in the page means that there are more */
export function exportText(user: UserSummary, page: UserEventPage, limit: number, derived: unknown): string {
  const { eventNos, itemNos, typeNos, values, quantities, prices, occurredAtMs, receivedAtMs } = page;
  const count = Math.min(page.length, limit);
  // What comes again is written once: items, types, prices, days.
  const itemTexts = new Map<number, string>();
  for (const [no, id] of page.itemIds) {
    itemTexts.set(no, `,"itemId":${JSON.stringify(id)},"type":`);
  }
  const typeTexts = new Map<number, string>();
  for (const [no, name] of page.typeNames) {
    typeTexts.set(no, `${JSON.stringify(name)},"value":`);
  }
  const realText = createRealText();
  const timeText = createTimeText();
  let events = '';
  for (let k = 0; k < count; k++) {
    events += `${k === 0 ? '{"eventNo":' : ',{"eventNo":'}${eventNos[k]}${itemTexts.get(itemNos[k])}${typeTexts.get(typeNos[k])}${realText(values[k])},"quantity":${realText(quantities[k])},"price":${realText(prices[k])},"occurredAt":"${timeText(occurredAtMs[k])}","receivedAt":"${timeText(receivedAtMs[k])}"${recommendationText(page, k)}}`;
  }
  const rest = { ...(derived === undefined ? {} : { derived }), ...(page.length > limit ? { nextCursor: cursorAt(eventNos[limit - 1]) } : {}) };
  const head = JSON.stringify({ userId: user.userId, firstSeenAt: user.firstSeenAt.toISOString() });
  const tail = JSON.stringify(rest);
  return `${head.slice(0, -1)},"events":[${events}]${tail === '{}' ? '}' : `,${tail.slice(1)}`}`;
}

/** Nothing where the event came of no list. */
function recommendationText({ recommendations }: UserEventPage, k: number): string {
  const list = recommendations.get(k);
  if (list === undefined) {
    return '';
  }
  const { listedAtMs, scenarioNo, variantNo, modelVersion, sourceNo, position } = list;
  return `,"recommendation":${JSON.stringify({ listedAt: new Date(listedAtMs).toISOString(), scenarioNo, variantNo, modelVersion, source: RECOMMENDATION_SOURCES[sourceNo], position })}`;
}

/** A float32 by the fewest digits that are read back as it, as Postgres prints it; NaN: null. */
function createRealText(): (real: number) => string {
  const known = new Map<number, string>();
  return (real) => {
    let text = known.get(real);
    if (text === undefined) {
      let short = real;
      for (let digits = MIN_DIGITS; digits <= MAX_DIGITS; digits++) {
        short = Number(real.toPrecision(digits));
        if (Math.fround(short) === real) {
          break;
        }
      }
      text = Number.isNaN(real) ? 'null' : String(short);
      known.set(real, text);
    }
    return text;
  };
}

function createTimeText(): (ms: number) => string {
  let day = Number.NaN;
  let dayText = '';
  return (ms) => {
    const daysSince = Math.floor(ms / DAY_MS);
    if (daysSince !== day) {
      day = daysSince;
      dayText = new Date(day * DAY_MS).toISOString().slice(0, 11);
    }
    const inDay = ms - day * DAY_MS;
    const second = Math.floor(inDay / 1000);
    return `${dayText}${TWO_DIGITS[Math.floor(second / 3600)]}:${TWO_DIGITS[Math.floor(second / 60) % 60]}:${TWO_DIGITS[second % 60]}.${THREE_DIGITS[inDay % 1000]}Z`;
  };
}
