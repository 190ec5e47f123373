/** Figures become findings: what is beyond its threshold, how grave that is, and what to do about it. */
import { type Burst, burstLimits } from './bursts.ts';
import type { QualityFigures } from './figures.ts';
import { coldItemUsers, shareOf } from './figures.ts';
import { clockSlackMs, dayMs, type EventProfile } from './profile.ts';
import type { Suspect } from './suspects.ts';
import { suspectLimits } from './suspects.ts';
import { outlierBounds } from './values.ts';

export type Severity = 'info' | 'warning' | 'error';

export interface Finding {
  /** Stable. */
  code: FindingCode;
  /** `error`: what comes out cannot be trusted, or nothing can. `warning`: it will be worse than it need be. `info`: good to know. */
  severity: Severity;
  figure: number;
  /** The finding is there because the figure lies beyond this (for volumes and spread: below). */
  threshold: number;
  message: string;
  advice: string;
  /** At most five each. Numbers rather than ids, so that a kept report holds no id of a shopper who was erased. */
  userNos?: number[];
  itemNos?: number[];
}

export type FindingCode =
  | 'too-few-interactions' | 'few-interactions' | 'too-few-users' | 'few-users' | 'too-few-items' | 'nothing-positive' | 'unknown-types'
  | 'rows-kept-aside' | 'duplicates' | 'future-dates' | 'early-dates' | 'one-instant' | 'days-without-events' | 'day-spike' | 'old-data'
  | 'value-outliers' | 'negative-values' | 'constant-values' | 'one-sided-ratings' | 'excess-returns'
  | 'fast-users' | 'broad-users' | 'item-burst' | 'cold-users' | 'cold-items' | 'items-without-events' | 'popularity-skew' | 'sparsity'
  | 'drift-types' | 'drift-items' | 'drift-users';

/** Below `interactions` or `users` (those with two items or more) a run ends with what is missing. */
export interface QualityMinimums {
  interactions: number;
  users: number;
}

/** Rows of all imports, and those of them that could not be taken. */
export interface ImportedRows {
  readonly rowsRead: number;
  readonly rowsKeptAside: number;
}

export const defaultMinimums: QualityMinimums = { interactions: 1000, users: 25 };

const limits = {
  interactions: 50_000,
  users: 1000,
  duplicateShare: 0.01,
  keptAsideShare: 0.01,
  wrongDateShare: 0.05,
  gapDays: 7,
  spikeTimes: 10,
  oldDays: 30,
  oneSidedFrom: 20,
  excessReturnShare: 0.05,
  suspectEventShare: 0.01,
  coldUserShare: 0.8,
  coldItemShare: 0.5,
  withoutEventsShare: 0.5,
  gini: 0.9,
  sparsity: 0.9999,
  driftInfo: 0.1,
  driftWarning: 0.25,
} as const;

const mostExamples = 5;

export interface Judged {
  figures: QualityFigures;
  profile: EventProfile;
  fast: Suspect[];
  broad: Suspect[];
  bursts: Burst[];
  minimums: QualityMinimums;
  nowMs: number;
  imported: ImportedRows | null;
}

/** Errors first, then warnings, then what is good to know. */
export function judge(judged: Judged): Finding[] {
  const rank: Record<Severity, number> = { error: 0, warning: 1, info: 2 };
  return [...judgeVolume(judged), ...judgeImports(judged), ...judgeDates(judged), ...judgeValues(judged), ...judgeSuspects(judged), ...judgeShape(judged), ...judgeDrift(judged)]
    .sort((a, b) => rank[a.severity] - rank[b.severity]);
}

function judgeVolume({ figures, minimums }: Judged): Finding[] {
  const found: Finding[] = [];
  const volumes = [
    ['interactions', figures.interactions, minimums.interactions, limits.interactions, 'interactions (a shopper and an item)', 'Import older orders, or send views and carts besides purchases'],
    ['users', figures.usersWithTwo, minimums.users, limits.users, 'users with at least 2 items', 'Send events under one id for a shopper, across visits and devices'],
  ] as const;
  for (const [what, figure, least, comfortable, words, advice] of volumes) {
    if (figure < least) {
      found.push({ code: `too-few-${what}`, severity: 'error', figure, threshold: least, message: `${count(figure)} of at least ${count(least)} ${words}.`, advice: `${advice}; until then shoppers get what is trending.` });
    } else if (figure < comfortable) {
      found.push({ code: `few-${what}`, severity: 'warning', figure, threshold: comfortable, message: `${count(figure)} ${words}; from ${count(comfortable)} on a model is usually steady.`, advice: `${advice}. Expect wide intervals.` });
    }
  }
  if (figures.events > 0 && figures.items < 2) {
    found.push({ code: 'too-few-items', severity: 'error', figure: figures.items, threshold: 2, message: `${figures.items === 1 ? 'All events are on one item' : 'There is no item'}.`, advice: 'There is nothing to choose from. Check that the item column holds the id of the product, not of the shop or the page.' });
  }
  if (figures.events > 0 && figures.positiveEvents === 0) {
    found.push({ code: 'nothing-positive', severity: 'error', figure: 0, threshold: 1, message: 'No event speaks for its item.', advice: 'Check the weights of the event types, and the threshold of ratings against the values sent.' });
  }
  if (figures.unknownTypeEvents > 0) {
    found.push({ code: 'unknown-types', severity: 'warning', figure: figures.unknownTypeEvents, threshold: 0, message: `${count(figures.unknownTypeEvents)} events are of a type that has no rule; they do not count.`, advice: 'Make the type again, or send these events under a known one.' });
  }
  const share = shareOf(figures.duplicates, figures.events);
  if (figures.duplicates > 0) {
    found.push({
      code: 'duplicates', severity: share > limits.duplicateShare ? 'warning' : 'info', figure: share, threshold: limits.duplicateShare,
      message: `${some(figures.duplicates, 'event')} (${per(share)}) repeating another in user, item, type, time, value and quantity.`,
      advice: 'Where the same event is sent twice, send an eventId with it: it is then stored once.',
    });
  }
  return found;
}

function judgeImports({ imported }: Judged): Finding[] {
  if (imported === null || imported.rowsKeptAside === 0) {
    return [];
  }
  const share = shareOf(imported.rowsKeptAside, imported.rowsRead);
  return [{
    code: 'rows-kept-aside', severity: share > limits.keptAsideShare ? 'warning' : 'info', figure: share, threshold: limits.keptAsideShare,
    message: `${some(imported.rowsKeptAside, 'row')} of imported files (${per(share)}) could not be taken and ${imported.rowsKeptAside === 1 ? 'is' : 'are'} kept aside.`,
    advice: 'jongleur import-errors NO (or GET /v1/imports/{no}/errors) gives them with their reasons: mend them and import them.',
  }];
}

function judgeDates({ figures, nowMs }: Judged): Finding[] {
  const found: Finding[] = [];
  const wrong = [
    ['future-dates', figures.futureEvents, `more than ${clockSlackMs / 60_000} minutes in the future`, 'Ages count from the newest event, so one wrong date makes all others old. Check the clock and the time zone of the sender.'],
    ['early-dates', figures.earlyEvents, 'before 1990', 'Check the unit (seconds or milliseconds) and default values such as 1970-01-01.'],
  ] as const;
  for (const [code, events, words, advice] of wrong) {
    if (events === 0) continue;
    const share = shareOf(events, figures.events);
    found.push({ code, severity: share >= limits.wrongDateShare ? 'error' : 'warning', figure: events, threshold: 0, message: `${some(events, 'event')} (${per(share)}): ${words}.`, advice });
  }
  if (figures.events > 1 && figures.oldestMs === figures.newestMs) {
    found.push({ code: 'one-instant', severity: 'warning', figure: 1, threshold: 2, message: `All events have the same time (${new Date(figures.newestMs).toISOString()}).`, advice: 'Send occurredAt, or name the time column of the import: without times nothing can be measured on later events, and nothing is recent.' });
  }
  const { days } = figures;
  if (days.longestGap >= limits.gapDays) {
    found.push({ code: 'days-without-events', severity: 'warning', figure: days.longestGap, threshold: limits.gapDays, message: `${count(days.withoutEvents)} of ${count(days.span)} days have no event; the longest gap has ${count(days.longestGap)} days.`, advice: 'Check whether sending was interrupted, and import what is missing.' });
  }
  if (days.span - days.withoutEvents >= 7 && days.most > limits.spikeTimes * days.median) {
    found.push({ code: 'day-spike', severity: 'warning', figure: days.most / days.median, threshold: limits.spikeTimes, message: `${days.busiest} has ${count(days.most)} events, ${(days.most / days.median).toFixed(0)} times the median day.`, advice: 'A campaign does that; so do an import without times and a program. Where it is one of these, repair the times or leave the events out.' });
  }
  const oldDays = figures.events === 0 ? 0 : (nowMs - figures.newestMs) / dayMs;
  if (oldDays > limits.oldDays) {
    found.push({ code: 'old-data', severity: 'info', figure: Math.floor(oldDays), threshold: limits.oldDays, message: `The newest event is ${count(Math.floor(oldDays))} days old.`, advice: 'Fine for a file of the past. In a running shop, check that events still arrive.' });
  }
  return found;
}

function judgeValues({ figures, profile }: Judged): Finding[] {
  const found: Finding[] = [];
  for (const type of profile.types) {
    const { name, values, outliers, negativeValues, threshold, min, max, positive } = type;
    if (outliers > 0) {
      const { low, high } = outlierBounds(type);
      const side = max > high ? max : min;
      found.push({ code: 'value-outliers', severity: 'warning', figure: outliers, threshold: 0, message: `${count(outliers)} values of ${name} lie far from the others (for example ${side}; 98 % are from ${type.p01} to ${type.p99}, impossible is taken to be beyond ${low} … ${high}).`, advice: 'Check whether two scales are mixed, or an amount or a time was sent as the value.' });
    }
    if (negativeValues > 0) {
      found.push({ code: 'negative-values', severity: 'warning', figure: negativeValues, threshold: 0, message: `${count(negativeValues)} events of ${name} have a value below 0, which counts as 0.`, advice: 'Values of this type are amounts (minutes watched, pieces): send them from 0 on.' });
    }
    if (type.mode === 'sum' || values < limits.oneSidedFrom) continue;
    if (min === max) {
      found.push({ code: 'constant-values', severity: 'info', figure: min, threshold: min, message: `All ${count(values)} values of ${name} are ${min}.`, advice: 'They say who rated what, not how much it was liked; that still trains.' });
    } else if (threshold !== null && (min >= threshold || max < threshold)) {
      const isAbove = min >= threshold;
      found.push({ code: 'one-sided-ratings', severity: isAbove ? 'info' : 'warning', figure: shareOf(positive, values), threshold, message: `All values of ${name} (${min} to ${max}) are ${isAbove ? 'at or above' : 'below'} the threshold of ${threshold}: ${isAbove ? 'none speaks against its item' : 'every one speaks against its item'}.`, advice: 'Set the threshold of the type to the middle of your scale.' });
    }
  }
  const excess = shareOf(figures.excessReturnPairs, figures.returnedPairs);
  if (excess > limits.excessReturnShare) {
    found.push({ code: 'excess-returns', severity: 'warning', figure: excess, threshold: limits.excessReturnShare, message: `In ${count(figures.excessReturnPairs)} of ${count(figures.returnedPairs)} cases (${per(excess)}) a shopper returned more of an item than they bought.`, advice: 'Usually the orders from before the first day are missing, or returns carry another user or item id than purchases. What has no purchase cancels nothing.' });
  }
  return found;
}

function judgeSuspects({ figures, profile, fast, broad, bursts }: Judged): Finding[] {
  const found: Finding[] = [];
  const ofUsers = (suspects: Suspect[]) => shareOf(suspects.reduce((sum, { index }) => sum + profile.eventsPerUser[index]!, 0), figures.events);
  const userNos = (suspects: Suspect[]) => suspects.slice(0, mostExamples).map(({ index }) => profile.users.nos[index]!);
  if (fast.length > 0) {
    const share = ofUsers(fast);
    found.push({ code: 'fast-users', severity: share >= limits.suspectEventShare ? 'warning' : 'info', figure: fast[0]!.figure, threshold: suspectLimits.momentsPerHour, message: `Faster than people: ${some(fast.length, 'user')}, up to ${count(fast[0]!.figure)} moments with an event in an hour, ${per(share)} of all events.`, advice: 'Likely crawlers or tests. Keep their events out where they are sent, and delete what is stored of them.', userNos: userNos(fast) });
  }
  if (broad.length > 0) {
    const share = ofUsers(broad);
    found.push({ code: 'broad-users', severity: share >= limits.suspectEventShare ? 'warning' : 'info', figure: broad[0]!.figure, threshold: Math.round(Math.max(suspectLimits.breadthItems, suspectLimits.breadthShare * figures.items)), message: `Nearly everywhere: ${some(broad.length, 'user')}, up to ${count(broad[0]!.figure)} of ${count(figures.items)} items, ${per(share)} of all events.`, advice: 'Crawlers, resellers, or one id for many people (a guest account): give guests ids of their own, leave programs out.', userNos: userNos(broad) });
  }
  if (bursts.length > 0) {
    const [{ figure, fromMs }] = bursts as [Burst];
    found.push({ code: 'item-burst', severity: 'warning', figure, threshold: burstLimits.users, message: `New users all at once: ${some(bursts.length, 'item')}, up to ${count(figure)} users of a single day in the hour from ${new Date(fromMs).toISOString()}.`, advice: 'A campaign does that, and so does somebody who pushes an item with made-up accounts. Where these users are not people, erase them, undo the import that brought them, or have the next training leave such bursts out (setting leaveOutBursts).', itemNos: bursts.slice(0, mostExamples).map(({ index }) => profile.items.nos[index]!) });
  }
  return found;
}

function judgeShape({ figures }: Judged): Finding[] {
  if (figures.interactions === 0) return [];
  const found: Finding[] = [];
  const { coldUserShare, coldItemShare, catalogueItems, catalogueWithoutEvents, popularityGini, sparsity } = figures;
  if (coldUserShare > limits.coldUserShare) {
    found.push({ code: 'cold-users', severity: 'warning', figure: coldUserShare, threshold: limits.coldUserShare, message: `${per(coldUserShare)} of the users have one item only.`, advice: 'Send views besides purchases, and keep one id for a shopper across visits.' });
  }
  if (coldItemShare > limits.coldItemShare) {
    found.push({ code: 'cold-items', severity: 'warning', figure: coldItemShare, threshold: limits.coldItemShare, message: `${per(coldItemShare)} of the items have fewer than ${coldItemUsers} users.`, advice: 'Such items are hardly recommended. Send views; check that variants (size, colour) of one product share an item id.' });
  }
  const withoutEvents = shareOf(catalogueWithoutEvents ?? 0, catalogueItems ?? 0);
  if (withoutEvents > limits.withoutEventsShare) {
    found.push({ code: 'items-without-events', severity: 'info', figure: withoutEvents, threshold: limits.withoutEventsShare, message: `${count(catalogueWithoutEvents!)} of ${count(catalogueItems!)} items of the catalogue have no event.`, advice: 'They cannot be recommended yet. Check that events and catalogue use the same item ids.' });
  }
  if (popularityGini > limits.gini) {
    found.push({ code: 'popularity-skew', severity: 'warning', figure: popularityGini, threshold: limits.gini, message: `Few items have nearly all users: the Gini coefficient of users per item is ${popularityGini.toFixed(3)}.`, advice: 'A model will hardly beat the list of bestsellers. Check for items that are no goods: shipping, fees, samples, vouchers.' });
  }
  if (sparsity > limits.sparsity) {
    found.push({ code: 'sparsity', severity: 'info', figure: sparsity, threshold: limits.sparsity, message: `${(100 * sparsity).toFixed(4)} % of all pairs of user and item are empty.`, advice: 'Usual for large catalogues. Views and carts fill it best.' });
  }
  return found;
}

function judgeDrift({ figures: { drift } }: Judged): Finding[] {
  if (drift === null) return [];
  const found: Finding[] = [];
  for (const [what, words, advice] of [
    ['types', 'mix of event types', 'Check that every type is still sent, and sent once.'],
    ['items', 'choice of items', 'A season or a new range does that; so do new item ids for old products.'],
    ['users', 'activity of users', 'Check that shoppers keep their ids, and look for programs among the newest users.'],
  ] as const) {
    const figure = drift[what];
    if (figure < limits.driftInfo) continue;
    const severity = figure >= limits.driftWarning ? 'warning' : 'info';
    found.push({ code: `drift-${what}`, severity, figure, threshold: severity === 'warning' ? limits.driftWarning : limits.driftInfo, message: `The ${words} has changed since the last run: population stability index ${figure.toFixed(3)} (${count(drift.window)} events before and since).`, advice });
  }
  return found;
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}

function per(share: number): string {
  return `${(100 * share).toFixed(share < 0.01 ? 2 : 1)} %`;
}

function some(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}
