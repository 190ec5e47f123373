/** The figures of an installation, side by side. */
import { html } from '../../lib/preact.js';
import { Figure, Figures } from '../../parts/figure.js';
import { hrefOf } from '../../route.js';
import { ago, count, moment, number, percent } from '../../words.js';
import { describeVerdict } from '../../verdicts.js';

/** The newest version, where its guard took it back. */
const takenBack = (models) => models.filter(({ version }) => version === Math.max(...models.map((one) => one.version))).find(({ guard }) => guard?.ended === 'rolled-back');

function LiveModel({ model, models, isLoading }) {
  if (model === undefined) {
    return html`<${Figure} name="Live model" value=${isLoading ? '…' : 'none yet'} note="everybody is shown what is trending" />`;
  }
  const { users, items } = model.trainedOn;
  const back = takenBack(models);
  return html`<${Figure} name="Live model" value=${`version ${model.version}`} note=${html`made ${ago(model.createdAt)} from ${count(users, 'shopper')} and ${count(items, 'item')}${back !== undefined && html`; <a href=${hrefOf('training', { version: back.version })}>version ${back.version}</a> was clicked less, and rolled back by its guard`}`} />`;
}

function Quality({ model }) {
  if (model === undefined || model.recall === null) {
    return html`<${Figure} name="Found again" value="–" note=${model === undefined ? 'not measured before there is a model' : 'too little data to hold some back and measure'} />`;
  }
  const { mean, low, high } = model.recall;
  return html`<${Figure} name="Found again" value=${percent(mean)} low=${percent(low)} high=${percent(high)} note="of what test shoppers went on to do, among their first 20 items (recall@20)" />`;
}

function Verdict({ model }) {
  const [word, says, tone] = describeVerdict(model?.verdict ?? null);
  return html`<${Figure} name="Verdict" value=${word} tone=${tone} note=${says} />`;
}

function Arrivals({ events: { lastHour, usual, lastAt } }) {
  const since = lastAt === null ? 'none has come yet' : `the newest came ${ago(lastAt)}`;
  return html`<${Figure} name="Events" value=${number(lastHour)} unit="in the last hour" note=${usual === null ? since : `usual at this hour: ${number(usual)}; ${since}`} />`;
}

function Clicks({ total: { answer, loading } }) {
  const row = answer?.rows.at(0);
  if (row === undefined || row.clickRate === null) {
    return html`<${Figure} name="Click rate, 30 days" value=${loading ? '…' : '–'} note=${loading ? '' : 'no list was shown yet'} />`;
  }
  const { value, low, high } = row.clickRate;
  return html`<${Figure} name="Click rate, 30 days" value=${percent(value)} low=${percent(low)} high=${percent(high)} note=${`${count(row.clicks, 'click')} on ${count(row.items, 'item')} shown`} />`;
}

/** When, and what would start it sooner. */
function NextTraining({ training: { enabled, scheduledAt, newEvents, minEvents, afterEvents }, lastRun }) {
  if (lastRun?.state === 'running') {
    return html`<${Figure} name="Training" value=${percent(lastRun.progress, 2)} unit="done" note=${lastRun.secondsLeft === null ? `run ${lastRun.no} is under way` : `run ${lastRun.no}: some ${count(Math.round(lastRun.secondsLeft), 'second')} left`} />`;
  }
  if (!enabled) {
    return html`<${Figure} name="Next training" value="not here" note="this process does not train (TRAINER=off)" />`;
  }
  const soFar = `${number(newEvents)}${newEvents >= Math.max(minEvents, afterEvents) ? ' or more' : ''} so far`;
  const byEvents = afterEvents > 0 ? `at once when ${number(afterEvents)} new events have come` : null;
  if (scheduledAt === null) {
    return html`<${Figure} name="Next training" value=${byEvents === null ? 'by hand' : 'by events'} note=${byEvents === null ? `${number(newEvents)} new events since the last` : `${byEvents}; ${soFar}`} />`;
  }
  return html`<${Figure} name="Next training" value=${ago(scheduledAt)} note=${[moment(scheduledAt), newEvents < minEvents && `if there are ${number(minEvents)} new events by then`, byEvents !== null && `or ${byEvents}`].filter(Boolean).join(', ').concat(`; ${soFar}`)} />`;
}

export function Glance({ overview: { events, pace, training }, models, lastRun, total }) {
  const model = models.answer?.items.find(({ state }) => state === 'live');
  return html`<${Figures} label="At a glance">
    <${LiveModel} model=${model} models=${models.answer?.items ?? []} isLoading=${models.loading} />
    <${Quality} model=${model} />
    <${Verdict} model=${model} />
    <${NextTraining} training=${training} lastRun=${lastRun} />
    <${Arrivals} events=${events} />
    <${Figure} name="Lists given out" value=${pace.lists === null ? '–' : number(pace.lists, 2)} unit="a second" note=${pace.requests === null ? 'not counted yet' : `of ${number(pace.requests, 2)} requests a second, in the last minute, by this process`} />
    <${Clicks} total=${total} />
  <//>`;
}
