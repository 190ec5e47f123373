/** Is it well? */
import { html } from '../lib/preact.js';
import { useAnswer } from '../answers.js';
import { Figure, Figures } from '../parts/figure.js';
import { Head } from '../parts/panel.js';
import { Answered } from '../parts/states.js';
import { ago, fixed } from '../words.js';

const EVERY_MS = 5000;

export default function Home() {
  const models = useAnswer('v1/models?limit=20', { every: EVERY_MS });
  return html`<${Head} title="Home" says="Whether all is well, and how good the lists are." />
    <${Answered} of=${models}>${({ items }) => {
      const live = items.find(({ state }) => state === 'live');
      return html`<${Figures} label="How it is">
        <${Figure} name="Live model" value=${live === undefined ? 'none yet' : `version ${live.version}`} note=${live === undefined ? 'lists are what is trending' : `live since ${ago(live.activatedAt)}`} />
        ${live?.ndcg && html`<${Figure} name="NDCG@20" value=${fixed(live.ndcg.mean)} low=${fixed(live.ndcg.low)} high=${fixed(live.ndcg.high)} note="how well the first 20 are ordered, 1 being perfect" />`}
      <//>`;
    }}<//>`;
}
