/** What a run found out, whether a version came of it or not. */
import { html } from '../../lib/preact.js';
import { Intervals } from '../../parts/intervals.js';
import { Panel, Tag } from '../../parts/panel.js';
import { Empty } from '../../parts/states.js';
import { count, fixed } from '../../words.js';
import { Curves } from './curves.js';
import { Gate, Verdict } from './judgement.js';
import { Rankings } from './rankings.js';
import { Search } from './search.js';
import { isKnown, metricOf } from './terms.js';

/** How the version before it really did. */
function LookBack({ prequential: { version, users, events, recall, ndcg, popularity } }) {
  const rows = (of, rule) => [{ name: `Version ${version}, as it answered`, ...of }, { name: 'Its own bestsellers', colour: '--series-3', ...rule }].filter(isKnown);
  return html`<${Panel} title="How the version before it really did" says=${`Version ${version}, just as it answered, asked for what ${count(users, 'shopper')} did after it was made (${count(events, 'event')}).`}>
    <h3>Found again among 20 (recall@20)</h3><${Intervals} name="Found again" rows=${rows(recall, popularity.recall)} text=${metricOf('recall').text} />
    <h3>Well placed (NDCG@20)</h3><${Intervals} name="Well placed" rows=${rows(ndcg, popularity.ndcg)} text=${metricOf('ndcg').text} />
  <//>`;
}

const SEVERITIES = { error: ['to mend', 'bad'], warning: ['to look at', 'warn'], info: ['good to know', ''] };

function DataNotes({ quality }) {
  return html`<${Panel} title="Its data" says="What was found in the events before anything was learnt from them.">
    ${quality.length === 0 ? html`<${Empty} title="Nothing was found wrong" />` : html`<ul class="notes">${quality.map(({ code, severity, message, advice }) => {
      const [word, tone] = SEVERITIES[severity] ?? [severity, ''];
      return html`<li key=${code}><${Tag} tone=${tone}>${word}<//><div><p>${message}</p><p class="muted">${advice}</p></div></li>`;
    })}</ul>`}
  <//>`;
}

const RATING_RULES = [['biases', 'The shopper’s and the item’s habits'], ['itemMean', 'The item’s mean'], ['mean', 'The mean of all']];

function Ratings({ ratings: { model, baselines, testRatings, testUsers } }) {
  const rows = [{ name: 'A model of ratings', ...model.rmse }, ...RATING_RULES.map(([key, name]) => ({ name, colour: '--series-3', ...baselines[key].rmse }))].filter(isKnown);
  // The figures are alike, and none is near 0.
  const [low, high] = [Math.min(...rows.map((row) => row.low)), Math.max(...rows.map((row) => row.high))];
  return html`<${Panel} title="Ratings foretold" says=${`How far off a foretold rating is (RMSE, in points of your scale; less is better), on ${count(testRatings, 'rating')} of ${count(testUsers, 'shopper')}. Lists are not made from it.`}>
    <${Intervals} name="Error of foretold ratings" rows=${rows} text=${(value) => fixed(value, 2)} least=${low - (high - low) / 4} />
  <//>`;
}

/** @param {{ findings: any, report: any }} props as `GET /v1/training-runs/{no}` has them */
export function Findings({ findings, report }) {
  const { gate, verdict, test, unmeasured, curves, prequential, quality, ratings } = findings;
  return html`
    ${(verdict !== null || gate !== null) && html`<div class="panels"><${Verdict} verdict=${verdict} /><${Gate} gate=${gate} /></div>`}
    ${(test !== null || verdict !== null) && html`<${Rankings} test=${test} unmeasured=${unmeasured} />`}
    ${curves !== null && html`<${Curves} curves=${curves} users=${curves.users} complete=${curves.complete} />`}
    <${Search} trials=${report.search?.trials ?? []} search=${report.search ?? null} />
    ${prequential !== null && html`<${LookBack} prequential=${prequential} />`}
    <div class="panels">
      ${quality !== null && html`<${DataNotes} quality=${quality} />`}
      ${ratings !== null && html`<${Ratings} ratings=${ratings} />`}
    </div>`;
}
