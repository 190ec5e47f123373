/** Starting a run, and what starts one of itself. */
import { html, useState } from '../../lib/preact.js';
import { call } from '../../api.js';
import { useAttempt } from '../../attempt.js';
import { ask, notice } from '../../parts/ask.js';
import { Choice } from '../../parts/field.js';
import { Panel, Tag } from '../../parts/panel.js';
import { Answered, Fault } from '../../parts/states.js';
import { go, hrefOf } from '../../route.js';
import { ago, count, duration, moment, number, percent } from '../../words.js';
import { secondsOf } from './terms.js';

const SEARCHES = { off: 'none: the settings of the live version', light: 'light: some eight candidates', full: 'full: sixteen candidates, for up to ten times as long' };

/** @param {{ runs: any[], settings: any, isEnabled: boolean }} props newest first */
export function Start({ runs, settings, isEnabled }) {
  const [search, setSearch] = useState('');
  const [curves, setCurves] = useState(true);
  const [cold, setCold] = useState(false);
  const { error, attempt, isBusy } = useAttempt();
  const running = runs.find(({ state }) => state === 'running');
  const last = runs.find(({ state }) => state === 'published' || state === 'rejected' || state === 'needs-approval');
  const start = (event) => {
    event.preventDefault();
    void attempt(async () => {
      const { no } = await call('POST', 'v1/training-runs', { ...(search === '' ? {} : { search }), curves, cold });
      go('training', { run: no });
    });
  };
  const says = last === undefined ? 'Answers go on meanwhile.' : `The last one took ${duration(secondsOf(last))}. Answers go on meanwhile.`;
  if (running !== undefined) {
    return html`<${Panel} title=${`Run ${running.no} is under way`} says="One trains at a time.">
      <div class="under-way"><progress max="1" value=${running.progress} aria-label="How far the run is"></progress><span>${percent(running.progress, 2)}</span></div>
      <div><a class="button primary" href=${hrefOf('training', { run: running.no })}>Watch it</a></div>
    <//>`;
  }
  const asSet = settings === null ? 'as set' : `as set (${settings.search})`;
  return html`<${Panel} title="Train now" says=${says}>
    <form class="stack" onSubmit=${start}>
      <${Choice} label="Search for settings" value=${search} options=${[['', asSet], ...Object.entries(SEARCHES)]} onChange=${setSearch} />
      <label class="check"><input type="checkbox" checked=${curves} onChange=${(event) => setCurves(event.currentTarget.checked)} /><span>Learning curves <span class="muted">by data, factors and regularization: what would help most; some twenty more fits</span></span></label>
      <label class="check"><input type="checkbox" checked=${cold} onChange=${(event) => setCold(event.currentTarget.checked)} /><span>Begin from the start <span class="muted">and not from the live version; slower, and rarely needed</span></span></label>
      ${error !== null && html`<${Fault} error=${error} />`}
      <div class="row"><button class="primary" disabled=${isBusy || !isEnabled}>Train now</button>${!isEnabled && html`<span class="muted">This process does not train (TRAINER=off); <code>jongleur train</code> does, or another replica.</span>`}</div>
    </form>
  <//>`;
}

/** @param {{ plan: any, settings: any }} props `plan`: of `GET /v1/overview`; `settings`: what `useAnswer` gave */
export function Schedule({ plan, settings }) {
  const { error, attempt, isBusy } = useAttempt();
  const { scheduledAt, newEvents, minEvents, afterEvents, enabled } = plan;
  const isManual = settings.answer?.gate.manual === true;
  const change = () => attempt(async () => {
    const says = isManual ? 'A new version that passes the gate answers your shoppers at once, as soon as its training has ended.' : 'A new version that passes the gate waits until you approve or refuse it, here. Until then the live one goes on answering, however old it becomes.';
    if (await ask({ title: isManual ? 'Let new versions go live by themselves?' : 'Let new versions wait for your word?', says, action: isManual ? 'Let them go live' : 'Let them wait' })) {
      await call('PUT', 'v1/settings', { gate: { manual: !isManual } });
      notice(isManual ? 'New versions go live by themselves.' : 'New versions wait for your word.');
      await settings.reload();
    }
  });
  return html`<${Panel} title="Schedule" says="When the next training starts of itself, and what happens with what it makes." end=${!enabled && html`<${Tag} tone="warn">not by this process<//>`}>
    <dl class="facts">
      <dt>Next</dt><dd>${scheduledAt === null ? 'No time is set (RETRAIN_CRON).' : html`<strong>${ago(scheduledAt)}</strong>, ${moment(scheduledAt)}${newEvents < minEvents ? `, if there are ${number(minEvents)} new events by then` : ''}`}</dd>
      <dt>Sooner</dt><dd>${afterEvents === 0 ? 'Not because of new events (RETRAIN_AFTER_EVENTS is 0).' : html`at once when ${number(afterEvents)} new events have come, at most every 15 min
        <div class="under-way"><progress max=${afterEvents} value=${newEvents} aria-label="New events so far"></progress><span>${number(newEvents)} so far</span></div>`}</dd>
      <${Answered} of=${settings}>${({ search, split, gate, guard, guardShare, guardHours }) => html`
        <dt>Search</dt><dd>${SEARCHES[search]}</dd>
        <dt>Measured on</dt><dd>${split === 'time' ? 'the newest events, held back' : 'each shopper’s last item, held back'}</dd>
        <dt>Gate</dt><dd>better than simple rules, and no more than ${percent(gate.margin)} worse than the live version</dd>
        <dt>Then</dt><dd>${gate.manual ? 'waits for your word' : guard === 'off' ? 'goes live for everybody at once' : `goes live; ${percent(guardShare)} of the shoppers stay on the former one for ${count(guardHours, 'hour')}, ${guard === 'on' ? 'and it is rolled back if it is clearly worse' : 'and you are told if it is clearly worse'}`}
          <div><button type="button" class="small" disabled=${isBusy} onClick=${change}>${isManual ? 'Let new versions go live by themselves …' : 'Let new versions wait for my word …'}</button></div></dd>`}<//>
    </dl>
    ${error !== null && html`<${Fault} error=${error} />`}
  <//>`;
}
