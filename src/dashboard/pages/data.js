/** What the shop's events are like: how many, of what, by whom, how they are shared out, what is wrong with them, and what the model takes for alike. */
import { html, useState } from '../lib/preact.js';
import { call } from '../api.js';
import { useAnswer } from '../answers.js';
import { notice } from '../parts/ask.js';
import { Head } from '../parts/panel.js';
import { Answered, Empty, Fault } from '../parts/states.js';
import { ago } from '../words.js';
import { hrefOf } from '../route.js';
import { Activity } from './data/activity.js';
import { Categories } from './data/categories.js';
import { EventsPerDay } from './data/events-per-day.js';
import { Findings } from './data/findings.js';
import { ItemMap } from './data/item-map.js';
import { LongTail } from './data/long-tail.js';
import { Sparsity } from './data/sparsity.js';
import { Values } from './data/values.js';

export default function Data() {
  const perDay = useAnswer('v1/insights/events-per-day?days=180');
  const [looks, setLooks] = useState(0);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const check = async () => {
    setBusy(true);
    setError(null);
    try {
      await call('POST', 'v1/data-quality');
      await perDay.reload();
      setLooks(looks + 1);
      notice('The data were looked at anew.');
    } catch (refusal) {
      setError(refusal);
    } finally {
      setBusy(false);
    }
  };
  return html`<${Head} title="Data" says="What shoppers did: how much of it there is, how it is shared out, and what the model makes of it.">
      ${perDay.answer && html`<span class="muted">looked at ${ago(perDay.answer.checkedAt)}</span>`}
      <button type="button" disabled=${isBusy} onClick=${check}>${isBusy ? 'Looking …' : 'Look again'}</button>
    <//>
    <div class="stack">
      ${error !== null && html`<${Fault} error=${error} />`}
      <${Answered} of=${perDay} what="Counting the events">${(answer) => (answer.events === 0
        ? html`<${Empty} title="There are no events yet" says="Events come from your shop as they happen, or from a file of what happened before."><div class="row"><a class="button primary" href=${hrefOf('import')}>Import a file</a><a class="button" href=${hrefOf('connect')}>Connect the shop</a></div><//>`
        : html`<${Pictures} key=${looks} perDay=${answer} />`)}<//>
    </div>`;
}

function Pictures({ perDay }) {
  return html`<div class="stack">
    <${EventsPerDay} answer=${perDay} />
    <${Findings} />
    <${LongTail} />
    <${Activity} />
    <${Values} />
    <div class="panels"><${Sparsity} /><${Categories} /></div>
    <${ItemMap} />
  </div>`;
}
