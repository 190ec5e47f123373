/** Numbers, durations and moments in words: one way for all pages. Times are in the viewer's zone; the language is English, as all texts are. */

const LANGUAGE = 'en-GB';
const WHOLE = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat(LANGUAGE, { notation: 'compact', maximumSignificantDigits: 3 });
const MOMENT = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short', year: 'numeric' });
const TIME = new Intl.DateTimeFormat(LANGUAGE, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const SHORT_DAY = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short' });
const HOUR = new Intl.DateTimeFormat(LANGUAGE, { hour: '2-digit', minute: '2-digit' });
const NONE = '–';

const isNone = (number) => number === null || number === undefined || Number.isNaN(number);

/** 12,345; with fractions to `digits` significant digits where it is small. */
export function number(value, digits = 3) {
  if (isNone(value)) {
    return NONE;
  }
  if (Number.isInteger(value) || Math.abs(value) >= 1000) {
    return WHOLE.format(value);
  }
  return value.toLocaleString(LANGUAGE, { maximumSignificantDigits: digits });
}

/** 12.3k: for axes and where there is little room. */
export const short = (value) => (isNone(value) ? NONE : SHORT.format(value));

/** With so many places behind the point, so that numbers below one another line up. */
export const fixed = (value, places = 3) => (isNone(value) ? NONE : value.toLocaleString(LANGUAGE, { minimumFractionDigits: places, maximumFractionDigits: places }));

/** A share as per cent: 0.0123 is 1.23 %, never parted by the end of a line. */
export const percent = (share, digits = 3) => (isNone(share) ? NONE : `${(share * 100).toLocaleString(LANGUAGE, { maximumSignificantDigits: digits })}\u00a0%`);

/** A difference as per cent, with its sign: −3.4 %. */
export const signed = (share, digits = 2) => (isNone(share) ? NONE : `${share >= 0 ? '+' : '−'}${percent(Math.abs(share), digits)}`);

/** 1 event, 2 events. */
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

/** "0.31 to 0.35": the ends of an interval, by the same words as its middle. */
export const interval = (low, high, word = (value) => fixed(value, 3)) => `${word(low)} to ${word(high)}`;

const UNITS = [['d', 86_400], ['h', 3600], ['min', 60], ['s', 1]];

/** 1.2 s, 3 min 20 s, 2 d 4 h: of seconds, in two units at most. */
export function duration(seconds) {
  if (isNone(seconds)) {
    return NONE;
  }
  if (seconds < 1) {
    return `${number(seconds * 1000, 2)} ms`;
  }
  if (seconds < 10) {
    return `${number(Math.round(seconds * 10) / 10, 2)} s`;
  }
  const whole = Math.round(seconds);
  const first = UNITS.findIndex(([, size]) => whole >= size);
  const [name, size] = UNITS[first];
  const rest = whole % size;
  const [nextName, nextSize] = UNITS[first + 1] ?? [];
  const next = nextSize === undefined ? 0 : Math.floor(rest / nextSize);
  return `${Math.floor(whole / size)} ${name}${next === 0 ? '' : ` ${next} ${nextName}`}`;
}

/** "3 min ago", "in 2 h": how long between a moment (ISO 8601) and now. */
export function ago(moment, nowMs = Date.now()) {
  if (moment === null || moment === undefined) {
    return NONE;
  }
  const seconds = (nowMs - Date.parse(moment)) / 1000;
  const [name, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? UNITS.at(-1);
  const whole = Math.floor(Math.abs(seconds) / size);
  if (name === 's' && whole < 5) {
    return 'just now';
  }
  return seconds >= 0 ? `${whole} ${name} ago` : `in ${whole} ${name}`;
}

/** Day and time. */
export const moment = (iso) => (iso === null || iso === undefined ? NONE : MOMENT.format(new Date(iso)));
export const day = (iso) => (iso === null || iso === undefined ? NONE : DAY.format(new Date(iso)));
/** For the ticks of an axis, of milliseconds since 1970. */
export const shortDay = (ms) => SHORT_DAY.format(ms);
export const hour = (ms) => HOUR.format(ms);
export const time = (iso) => (iso === null || iso === undefined ? NONE : TIME.format(new Date(iso)));

/** A sentence of the service, its moments (ISO 8601) in the viewer's zone. */
export const withMoments = (text) => text.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (iso) => moment(iso));

const BYTES = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(value) {
  if (isNone(value)) {
    return NONE;
  }
  const step = value < 1000 ? 0 : Math.min(BYTES.length - 1, Math.floor(Math.log10(value) / 3));
  return `${number(value / 1000 ** step, 3)} ${BYTES[step]}`;
}
