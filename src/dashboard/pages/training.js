/** Trainings and what they made: runs, versions, the schedule; one run, one version, or two versions side by side, as the address says. */
import { html, useEffect } from '../lib/preact.js';
import { useAnswer } from '../answers.js';
import { Head } from '../parts/panel.js';
import { Answered } from '../parts/states.js';
import { Compare } from './training/compare.js';
import { Runs, Versions } from './training/lists.js';
import { Run } from './training/run.js';
import { Schedule, Start } from './training/start.js';
import { Version } from './training/version.js';

const EVERY_MS = 3_000;
const SELDOM_MS = 30_000;
/** Two versions. */
const PAIR = /^\d+,\d+$/;

function Overview({ models, settings }) {
  const overview = useAnswer('v1/overview', { every: SELDOM_MS });
  const runs = useAnswer('v1/training-runs?limit=20', { every: EVERY_MS });
  const items = runs.answer?.items ?? [];
  const newest = items.length === 0 ? '' : `${items[0].no} ${items[0].state}`;
  // A run that has ended may have brought a version.
  useEffect(() => void Promise.all([models.reload(), overview.reload()]), [newest]);
  return html`<${Head} title="Training" says="What the models learnt, how good they are, which of them answers, and when the next is made." />
    <div class="stack">
      <div class="panels even">
        <${Start} runs=${items} settings=${settings.answer} isEnabled=${overview.answer?.training.enabled !== false} />
        <${Answered} of=${overview} what="Looking at the schedule">${({ training }) => html`<${Schedule} plan=${training} settings=${settings} />`}<//>
      </div>
      <${Versions} models=${models} settings=${settings.answer} onDone=${() => Promise.all([models.reload(), runs.reload()])} />
      <${Runs} runs=${runs} />
    </div>`;
}

export default function Training({ parameters: { run, version, compare } }) {
  const models = useAnswer('v1/models?limit=50', { every: SELDOM_MS });
  const settings = useAnswer('v1/settings');
  if (run !== undefined) {
    return html`<${Run} key=${`run ${run}`} no=${run} models=${models} settings=${settings.answer} />`;
  }
  if (version !== undefined) {
    return html`<${Version} key=${`version ${version}`} no=${version} models=${models} settings=${settings.answer} />`;
  }
  if (compare !== undefined && PAIR.test(compare)) {
    return html`<${Compare} key=${compare} pair=${compare} models=${models} settings=${settings.answer} />`;
  }
  return html`<${Overview} models=${models} settings=${settings} />`;
}
