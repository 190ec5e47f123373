/** A run while it goes: how far it is, what it tries, and the curves as they come. */
import { html } from '../../lib/preact.js';
import { call } from '../../api.js';
import { useAttempt } from '../../attempt.js';
import { ask, notice } from '../../parts/ask.js';
import { Panel } from '../../parts/panel.js';
import { Fault } from '../../parts/states.js';
import { useProgress } from '../../progress.js';
import { duration, percent } from '../../words.js';
import { Curves, groupPoints } from './curves.js';
import { Search } from './search.js';
import { PHASES } from './terms.js';

function Steps({ phase }) {
  const now = PHASES.findIndex(({ key }) => key === phase);
  return html`<ol class="phases">${PHASES.map(({ key, title }, index) => html`<li key=${key} class=${index < now ? 'past' : index === now ? 'now' : ''} aria-current=${index === now ? 'step' : undefined}>${title}</li>`)}</ol>`;
}

/** @param {{ run: any, live: any, onEnd: () => unknown }} props `live`: the version that answers meanwhile, if there is one */
export function UnderWay({ run, live, onEnd }) {
  const { phase, progress, secondsLeft, trials, points, isCut } = useProgress(run.no, onEnd);
  const { error, attempt, isBusy } = useAttempt();
  const cancel = () => attempt(async () => {
    const says = `It stops within a second or so, and what it found so far is thrown away. ${live === undefined ? 'Everybody goes on being shown what is trending.' : `Version ${live.version} goes on answering as it does.`} A new run begins from the start.`;
    if (await ask({ title: `Cancel training run ${run.no}?`, says, action: 'Cancel the run', danger: true })) {
      await call('DELETE', `v1/training-runs/${run.no}`);
      notice(`Run ${run.no} is told to stop.`);
    }
  });
  const left = secondsLeft === null ? 'how long it takes is not known yet' : `about ${duration(Math.max(1, secondsLeft))} left`;
  return html`
    <${Panel} title="Under way" end=${html`<button type="button" class="danger" disabled=${isBusy} onClick=${cancel}>Cancel the run …</button>`}>
      <div class="under-way"><progress max="1" value=${progress} aria-label="How far the run is"></progress><span role="status"><strong>${percent(progress, 2)}</strong> <span class="muted">${isCut ? 'nothing is heard of it; asked again in a moment' : left}</span></span></div>
      <${Steps} phase=${phase} />
      <p class="muted">${live === undefined ? 'Until it ends, everybody is shown what is trending.' : `Version ${live.version} goes on answering meanwhile.`}</p>
      ${error !== null && html`<${Fault} error=${error} />`}
    <//>
    <${Search} trials=${trials} search=${null} />
    <${Curves} curves=${groupPoints(points)} isUnderWay=${true} />`;
}
