/** From an empty installation to lists in a shop, step by step; each turns green by itself once it has come about. */
import { html, useRef } from '../../lib/preact.js';
import { call } from '../../api.js';
import { useAttempt } from '../../attempt.js';
import { notice } from '../../parts/ask.js';
import { Panel, Tag } from '../../parts/panel.js';
import { Fault } from '../../parts/states.js';
import { PAGES } from '../../pages.js';
import { hrefOf } from '../../route.js';
import { percent } from '../../words.js';

const hasPage = (path) => PAGES.some((page) => page.path === path);
const wayTo = (path, text) => hasPage(path) && html`<a class="button small" href=${hrefOf(path)}>${text}</a>`;

function TrainButton({ isReady, lastRun, onTrained }) {
  const { error, attempt, isBusy } = useAttempt();
  const start = () => attempt(async () => {
    // Somebody waits for a first model; the night’s run looks for a better recipe.
    await call('POST', 'v1/training-runs', { search: 'off' });
    notice('A training has begun.');
    await onTrained();
  });
  if (lastRun?.state === 'running') {
    return html`<progress max="1" value=${lastRun.progress} aria-label="How far the training is"></progress><span class="muted">${percent(lastRun.progress, 2)}${lastRun.phase === null ? '' : `, ${lastRun.phase}`}</span><a href=${hrefOf('training', { run: lastRun.no })}>Watch it</a>`;
  }
  return html`<button type="button" class="small" disabled=${!isReady || isBusy} onClick=${start}>Train now</button>${error !== null && html`<${Fault} error=${error} />`}
    ${lastRun !== undefined && lastRun.state !== 'published' && lastRun.message && html`<p class="muted">The last run was ${lastRun.state}: ${lastRun.message}</p>`}`;
}

/** @param onTrained called when a training has begun */
export function FirstSteps({ overview: { firstSteps }, lastRun, onTrained }) {
  // Whoever came when all was done long ago is not told about it; whoever sees the last step turn green keeps seeing it.
  const wasDone = useRef(Object.values(firstSteps).every(Boolean));
  if (wasDone.current) {
    return null;
  }
  const steps = [
    { isDone: firstSteps.event, title: 'Send an event', says: 'A view, a purchase or a rating of one of your shoppers. Recommendations are made from nothing else.', way: wayTo('connect', 'How to send one') },
    { isDone: firstSteps.catalogue, title: 'Import a catalogue', says: 'Titles, prices and categories, so that lists can be filtered and read. A file of past orders brings events as well.', way: wayTo('import', 'Import a file') },
    { isDone: firstSteps.training, title: 'Train the first model', says: 'From 1,000 shopper–item pairs on, of 25 shoppers with two items each. Until then everybody is shown what is trending.', way: !firstSteps.training && html`<${TrainButton} isReady=${firstSteps.event} lastRun=${lastRun} onTrained=${onTrained} />` },
    { isDone: firstSteps.recommendation, title: 'Get a first recommendation', says: 'Pick a shopper and see their list, with the reasons for it.', way: wayTo('try', 'Try it') },
    { isDone: firstSteps.shown, title: 'Show a list in your shop', says: 'Send the list’s recommendationId with what a shopper does next: then it is known what the lists bring.', way: wayTo('connect', 'Snippets') },
  ];
  const next = steps.findIndex(({ isDone }) => !isDone);
  return html`<${Panel} title="First steps" says="From an empty installation to lists in your shop. Each turns green by itself." end=${html`<span class="muted">${steps.filter(({ isDone }) => isDone).length} of ${steps.length} done</span>`}>
    <ol class="steps">${steps.map(({ isDone, title, says, way }, index) => html`<li class=${isDone ? 'done fades' : index === next ? 'next fades' : 'fades'} aria-current=${index === next ? 'step' : undefined}>
      <span class="mark" aria-hidden="true">${isDone ? '✓' : index + 1}</span>
      <div><h3>${title}${isDone && html` <${Tag} tone="good">done<//>`}</h3><p class="muted">${says}</p></div>
      <div class="row way">${way}</div>
    </li>`)}</ol>
  <//>`;
}
