/** The words of trainings, for somebody who runs a shop: figures, settings, states, phases. */
import { count, duration, fixed, number } from '../../words.js';

/** A share to a tenth of a per cent, so that figures below one another line up. */
export const share = (value) => (value === null ? '–' : `${fixed(100 * value, 1)} %`);
const point = (value) => fixed(value, 3);

/** Whether there was anybody to measure on. */
export const isKnown = (interval) => typeof interval?.mean === 'number';

/** What is measured of lists, the most telling first. `isBetterHigher`: else it is neither good nor bad, but a character. */
export const METRICS = [
  { key: 'recall', title: 'Found again', term: 'recall', text: share, says: (k) => `Of all that a test shopper went on to want, the share that was among the first ${k} places of their list. 0 %: nothing; 100 %: all of it.`, isBetterHigher: true },
  { key: 'ndcg', title: 'Well placed', term: 'NDCG', text: point, says: (k) => `How well the first ${k} places hit what the shopper went on to want, the upper places counting more. 0: nothing; 1: all of it, at the top.`, isBetterHigher: true },
  { key: 'hitRate', title: 'Shoppers with a hit', term: 'hit rate', text: share, says: (k) => `The share of test shoppers for whom at least one of the first ${k} places was right.`, isBetterHigher: true },
  { key: 'precision', title: 'Places that hit', term: 'precision', text: share, says: (k) => `Of ${k} places, the share that the shopper went on to want. Low by nature: nobody wants ${k} new things.`, isBetterHigher: true },
  { key: 'map', title: 'Hits near the top', term: 'MAP', text: point, says: () => 'How near the top the hits are, averaged over all of a shopper’s hits. 0: none; 1: all first.', isBetterHigher: true },
  { key: 'mrr', title: 'First hit', term: 'MRR', text: point, says: () => 'How far up the first hit is. 1: always the first place; 0.5: always the second.', isBetterHigher: true },
  { key: 'novelty', title: 'Out of the ordinary', term: 'novelty', text: (value) => `${fixed(value, 2)} bits`, says: () => 'How rare the shown items are. 1 bit: half of all shoppers have it; each bit more, half as many.', isBetterHigher: false },
  { key: 'diversity', title: 'Variety within a list', term: 'diversity', text: point, says: () => 'How unlike each other a list’s items are, by who likes them. 0: all of a kind.', isBetterHigher: false },
];

/** @param {string} key one of those */
export const metricOf = (key) => METRICS.find((metric) => metric.key === key);

/** Rankings beside one another, as the report names them. */
const RANKINGS = {
  'this model': ['This model', 'what this run made', '--series-1'],
  'live recipe': ['The live version’s settings', 'fitted on the same events', '--series-2'],
  'item-kNN': ['“Had this, had that”', 'a rule of pairs (item-kNN)', '--series-3'],
  popularity: ['Bestsellers', 'the same for everybody', '--series-3'],
  'recent popularity': ['Bestsellers of late', 'the same for everybody', '--series-3'],
};

/** @returns {[name: string, note: string, colour: string]} */
export const describeRanking = (name) => RANKINGS[name] ?? [name, '', '--series-3'];

const SEGMENTS = {
  new: ['Shoppers who are new', 'fewer than 5 items so far'],
  light: ['Occasional shoppers', '5 to 19 items'],
  heavy: ['Regular shoppers', '20 items and more'],
  head: ['Bestsellers found again', 'items that make up half of all interest'],
  tail: ['The long tail found again', 'all other items'],
};

export const describeSegment = (segment) => SEGMENTS[segment] ?? [segment, ''];

const STATES = {
  running: ['running', 'accent'],
  published: ['went live', 'good'],
  'needs-approval': ['waits for you', 'warn'],
  rejected: ['rejected', 'bad'],
  skipped: ['skipped', ''],
  cancelled: ['cancelled', ''],
  failed: ['failed', 'bad'],
  lost: ['lost', 'bad'],
};

/** Of a run. @returns {[word: string, tone: string]} */
export const describeRunState = (state) => STATES[state] ?? [state, ''];

const VERSION_STATES = { live: ['live', 'good'], candidate: ['waits for you', 'warn'], retired: ['was live', ''], rejected: ['rejected', 'bad'] };

/** @returns {[word: string, tone: string]} */
export const describeVersionState = (state) => VERSION_STATES[state] ?? [state, ''];

const STARTED_BY = { schedule: 'by the schedule', events: 'by new events', api: 'by somebody, here or over the API', cli: 'at a terminal', start: 'at the first start' };
export const describeStart = (startedBy) => STARTED_BY[startedBy] ?? startedBy;

/** In the order in which they come. `group`: the piece of a run's bar that they are counted to. */
export const PHASES = [
  { key: 'extract', title: 'read the events', group: 'reading' },
  { key: 'fold', title: 'fold them into pairs of shopper and item', group: 'reading' },
  { key: 'split', title: 'hold the newest back', group: 'reading' },
  { key: 'search', title: 'look for better settings', group: 'search' },
  { key: 'evaluate', title: 'measure on what was held back', group: 'measuring' },
  { key: 'curves', title: 'draw learning curves', group: 'curves' },
  { key: 'refit', title: 'fit on everything', group: 'final fit' },
  { key: 'finish', title: 'check and pack', group: 'final fit' },
  { key: 'publish', title: 'store', group: 'final fit' },
];

const GROUPS = [['reading', '--series-1'], ['search', '--series-2'], ['measuring', '--series-3'], ['curves', '--series-4'], ['final fit', '--series-5']];
export const PHASE_PIECES = GROUPS.map(([name, colour]) => ({ name, colour }));

/** @param {Record<string, number>} seconds by phase @returns pieces for a `StackedBar` */
export function piecesOf(seconds) {
  return GROUPS.map(([group, colour]) => {
    const value = PHASES.filter((phase) => phase.group === group).reduce((sum, { key }) => sum + (seconds[key] ?? 0), 0);
    return { name: group, value, text: duration(value), colour };
  }).filter(({ value }) => value > 0);
}

/** Seconds that a run took; null while it goes on. */
export const secondsOf = ({ startedAt, finishedAt }) => (finishedAt === null ? null : (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);

const REASONS = {
  'not-measured': 'Could it be measured?',
  'baseline-beaten': 'Is it better than simple rules?',
  'baseline-not-beaten': 'Is it better than simple rules?',
  'first-model': 'Is it no worse than what is live?',
  'same-recipe': 'Is it no worse than what is live?',
  'not-compared': 'Is it no worse than what is live?',
  'not-worse': 'Is it no worse than what is live?',
  worse: 'Is it no worse than what is live?',
  'underpowered-not-worse': 'Is it no worse than what is live?',
  'underpowered-worse': 'Is it no worse than what is live?',
  'refit-sound': 'Is the final fit sound?',
  'refit-not-finite': 'Is the final fit sound?',
  'refit-norms': 'Is the final fit sound?',
  'refit-overlap': 'Is the final fit sound?',
  manual: 'May it go live by itself?',
};

/** What a reason of the gate answers. */
export const questionOf = (code) => REASONS[code] ?? code;

/** @returns {[word: string, tone: string]} what the gate said */
export function describeOutcome({ outcome, publish }) {
  switch (outcome) {
    case 'published':
      return ['passed', 'good'];
    case 'needs-approval':
      return ['passed, waits for you', 'warn'];
    case 'underpowered':
      return publish ? ['passed on its estimate', 'warn'] : ['not passed: too few shoppers to be sure', 'bad'];
    default:
      return ['not passed', 'bad'];
  }
}

const days = (value) => (value === 0 ? 'none' : count(value, 'day'));

/** What a recipe is made of. */
const PARAMETERS = {
  factors: ['Factors', 'numbers that stand for a shopper’s taste, and for an item'],
  regularization: ['Regularization λ', 'how much it holds back from learning by heart'],
  unobservedWeight: ['Weight of what nobody touched α₀', 'how much it counts that a shopper left an item alone'],
  frequencyExponent: ['Frequency exponent ν', 'how much more busy shoppers and items are held back'],
  sweeps: ['Sweeps', 'how often shoppers and items are fitted to one another in turn'],
  stepsPerSweep: ['Steps a sweep', 'how exactly each of these fits is solved'],
  halfLifeDays: ['Half-life of events', 'after so long an event counts half', days],
  neighbours: ['Neighbours an item', 'items that are remembered as “had this, had that”'],
  neighbourWeight: ['Weight of neighbours', 'how loud they are beside the factors'],
  neighbourExponents: ['Exponents of popularity a, b', 'how much bestsellers are damped among neighbours', (value) => value.map((one) => number(one)).join(', ')],
  recencyWeight: ['Weight of recent popularity', 'how loud the bestsellers of late are'],
  recencyHalfLifeDays: ['Half-life of recent popularity', 'after so long a sale counts half there', days],
  seed: ['Seed', 'of chance: the same seed and events give the same model'],
};

/** @returns {{ title: string, says: string, text: string }} of a recipe's parameter */
export function describeParameter(name, value) {
  const [title, says, text = (one) => (typeof one === 'number' ? number(one) : JSON.stringify(one))] = PARAMETERS[name] ?? [name, ''];
  return { title, says, text: value === undefined || value === null ? '–' : text(value) };
}
