/** Live experiments: variants of shoppers' lists beside each other, and what was found. */
import { html, useEffect, useState } from '../lib/preact.js';
import { withQuery } from '../api.js';
import { useAnswer } from '../answers.js';
import { Head, Panel, Tag } from '../parts/panel.js';
import { Answered, Empty } from '../parts/states.js';
import { Table } from '../parts/table.js';
import { go, hrefOf } from '../route.js';
import { day, percent } from '../words.js';
import { Draft } from './experiments/draft.js';
import { Experiment } from './experiments/experiment.js';

const EVERY_MS = 10_000;
const MOST_OWN = 100;
/** A version that goes live brings one: these are those of some weeks. */
const MOST_GUARDS = 20;
const TONES = { draft: '', running: 'accent', stopped: '' };
/** How one ended, where nothing was promoted. */
const ENDS = { 'rolled-back': ['rolled back', 'bad'], worse: ['worse, and stays', 'warn'], over: ['nothing found', 'good'] };

function List({ name: ofTable, experiments, current }) {
  const columns = [
    { title: 'Name', isHead: true, cell: ({ name }) => html`<a class="whole" href=${hrefOf('experiments', { name })} aria-current=${name === current ? 'true' : undefined}>${name}</a>` },
    { title: 'State', cell: ({ state, ended, promoted }) => { const [word, tone] = promoted !== null ? [`promoted ${promoted}`, 'good'] : (ENDS[ended] ?? [ended ?? state, TONES[state]]); return html`<${Tag} tone=${tone}>${word}<//>`; } },
    { title: 'Lists of', cell: ({ scenario }) => scenario ?? 'all scenarios' },
    { title: 'Variants', cell: ({ variants }) => variants.map(({ name, share }) => `${name} ${percent(share)}`).join(' · ') },
    { title: 'Started', cell: ({ startedAt }) => day(startedAt) },
  ];
  return html`<${Table} name=${ofTable} columns=${columns} rows=${experiments} keyOf=${({ name }) => name} />`;
}

export default function Experiments({ parameters: { name } }) {
  const list = useAnswer(withQuery('v1/experiments', { kind: 'shop', limit: MOST_OWN }), { every: EVERY_MS });
  const guards = useAnswer(withQuery('v1/experiments', { kind: 'guard', limit: MOST_GUARDS }), { every: EVERY_MS });
  const [isDrafting, setDrafting] = useState(false);
  // Who goes to another one has left the draft.
  useEffect(() => setDrafting(false), [name]);
  const make = html`<button type="button" class="primary" onClick=${() => setDrafting(true)}>Make an experiment</button>`;
  const reload = async () => void (await Promise.all([list.reload(), guards.reload()]));
  const gone = async () => {
    await reload();
    go('experiments', {}, true);
  };
  const made = async (draft) => {
    setDrafting(false);
    await list.reload();
    if (draft !== null) {
      go('experiments', { name: draft.name });
    }
  };
  return html`<${Head} title="Experiments" says="Whether another list would do better: some shoppers get it, and what they click is compared.">${!isDrafting && make}<//>
    <div class="stack">
      ${isDrafting && html`<${Draft} onDone=${made} />`}
      ${name !== undefined && !isDrafting && html`<${Experiment} key=${name} name=${name} onChanged=${reload} onGone=${gone} />`}
      <${Answered} of=${list}>${({ items }) => (items.length === 0
        ? html`<${Panel} title="Your experiments"><${Empty} title="None yet" says="An experiment gives some shoppers another list (more varied, another model, or no recommendations at all) and says, with how much certainty, whether they click or buy more." /><//>`
        : html`<${Panel} title="Your experiments"><${List} name="Experiments" experiments=${items} current=${name} /><//>`)}<//>
      ${guards.answer?.items.length > 0 && html`<${Panel} title="Guards of new models" says=${`The service makes one itself when a new model goes live: some shoppers stay on the former one for a while, and the new one is taken back where it is clicked less.${guards.answer.nextCursor === undefined ? '' : ` These are the newest ${MOST_GUARDS}.`}`}><${List} name="Guards" experiments=${guards.answer.items} current=${name} /><//>`}
    </div>`;
}
