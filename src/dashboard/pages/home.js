/** Is it well? Alarms, the live model, what comes in and goes out, how good the lists are and whether they are clicked; on a fresh start, what to do first. */
import { html, useEffect, useState } from '../lib/preact.js';
import { useAnswer } from '../answers.js';
import { Head } from '../parts/panel.js';
import { Answered } from '../parts/states.js';
import { hrefOf } from '../route.js';
import { Alarms } from './home/alarms.js';
import { FirstSteps } from './home/first-steps.js';
import { Glance } from './home/glance.js';
import { Quality } from './home/quality.js';
import { ClickRate } from './home/click-rate.js';

const EVERY_MS = 3_000;
/** Somebody who takes the first steps waits for each to turn green. */
const SOON_MS = 1_000;
const SELDOM_MS = 30_000;

export default function Home() {
  const [isNew, setNew] = useState(true);
  const every = isNew ? SOON_MS : EVERY_MS;
  const overview = useAnswer('v1/overview', { every });
  const runs = useAnswer('v1/training-runs?limit=1', { every });
  const isDone = overview.answer !== null && Object.values(overview.answer.firstSteps).every(Boolean);
  useEffect(() => setNew(!isDone), [isDone]);
  const lastRun = runs.answer?.items.at(0);
  const models = useAnswer('v1/models?limit=50', { every: SELDOM_MS });
  const outcome = lastRun && `${lastRun.no} ${lastRun.state}`;
  // A run that has ended may have brought a version.
  useEffect(() => void models.reload(), [outcome]);
  const rates = useAnswer('v1/metrics/live?by=day', { every: SELDOM_MS });
  const total = useAnswer('v1/metrics/live?by=total', { every: SELDOM_MS });
  const alerts = useAnswer('v1/alerts', { every: SELDOM_MS });
  const glance = (answer) => html`<${Glance} key="glance" overview=${answer} models=${models} lastRun=${lastRun} total=${total} />`;
  const steps = (answer) => html`<${FirstSteps} key="steps" overview=${answer} lastRun=${lastRun} onTrained=${runs.reload} />`;
  return html`<${Head} title="Home" says="Whether all is well, how good the lists are, and what comes next."><a class="button primary" href=${hrefOf('try')}>Try it</a><//>
    <div class="stack">
      <${Answered} of=${overview} what="Looking around">${(answer) => html`
        ${answer.isDemo && html`<p class="banner plain">This is the demo shop: its shoppers, events and items are made up, so that there is something to look at. <code>DEMO=off</code> with a <code>DATA_DIR</code> of its own starts empty, for your shop’s data.</p>`}
        <${Alarms} alerts=${alerts} />
        ${answer.firstSteps.training ? [glance(answer), steps(answer)] : [steps(answer), glance(answer)]}
      `}<//>
      <div class="panels">
        <${Quality} models=${models} />
        <${ClickRate} rates=${rates} />
      </div>
    </div>`;
}
