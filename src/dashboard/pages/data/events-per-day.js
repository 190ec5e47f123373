/** Events by day and type. */
import { html, useMemo } from '../../lib/preact.js';
import { Chart } from '../../parts/chart.js';
import { Panel } from '../../parts/panel.js';
import { count, day, number } from '../../words.js';

const DAY_S = 86_400;

export function EventsPerDay({ answer: { first, types, events } }) {
  const days = types[0]?.events.length ?? 0;
  const x = useMemo(() => Array.from({ length: days }, (_, k) => Date.parse(first) / 1000 + k * DAY_S), [first, days]);
  if (days === 0) {
    return null;
  }
  const perDay = x.map((_, k) => types.reduce((sum, type) => sum + type.events[k], 0));
  const busiest = perDay.indexOf(Math.max(...perDay));
  const total = perDay.reduce((sum, one) => sum + one, 0);
  const says = `${number(total)} events in ${count(days, 'day')}, ${number(total / days)} a day on average; most on ${day(`${dayOf(x[busiest])}`)}, ${number(perDay[busiest])}.`;
  const series = types.slice(0, 6).map(({ name, events: values }) => ({ name: name ?? 'other types', values }));
  return html`<${Panel} title="Events per day" says=${`Of ${number(events)} events in all, those of the newest days that have some. Days are in UTC.`}>
    <${Chart} name="Events per day, by type" says=${says} x=${x} xName="day" isTime=${days > 1} series=${series} unit="events a day" least=${0} xText=${dayOf} />
    ${types.length > 6 && html`<p class="muted">And ${count(types.length - 6, 'type')} with fewer events: ${types.slice(6).map(({ name }) => name ?? 'others').join(', ')}.</p>`}
  <//>`;
}

const dayOf = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
