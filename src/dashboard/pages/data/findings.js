/** What the quality report found, the gravest first, with what to do. */
import { html } from '../../lib/preact.js';
import { useAnswer } from '../../answers.js';
import { Figure, Figures } from '../../parts/figure.js';
import { Panel, Tag } from '../../parts/panel.js';
import { Answered, Empty } from '../../parts/states.js';
import { ago, number, percent } from '../../words.js';

const TONES = { error: ['bad', 'stands in the way'], warning: ['warn', 'worth a look'], info: ['', 'good to know'] };

export function Findings() {
  const report = useAnswer('v1/data-quality');
  const missing = html`<${Empty} title="Nobody has checked the data yet" says="“Look again” above does, and so does every training." />`;
  return html`<${Panel} title="Are the data good enough?" says="What was found in the events, and what to do about it. Every training checks this first.">
    <${Answered} of=${report} whenMissing=${missing}>${({ figures, findings, missing: lacks, runNo, checkedAt }) => html`
      <${Figures} label="How much there is">
        <${Figure} name="Events" value=${number(figures.events)} note=${`of ${number(figures.users)} shoppers on ${number(figures.items)} items`} />
        <${Figure} name="Shoppers who tell tastes" value=${number(figures.usersWithTwo)} unit="with two items or more" note=${`${percent(figures.coldUserShare)} have one item only`} />
        <${Figure} name="Items hardly anybody met" value=${percent(figures.coldItemShare)} note="have fewer than three shoppers" />
        <${Figure} name="Catalogue without events" value=${number(figures.catalogueWithoutEvents)} unit=${figures.catalogueItems === null ? '' : `of ${number(figures.catalogueItems)} items`} />
      <//>
      ${lacks.length > 0 && html`<p class="banner plain"><strong>Too little for a model yet:</strong> ${lacks.join('; ')}.</p>`}
      ${findings.length === 0
        ? html`<p><${Tag} tone="good">nothing wrong<//> Nothing in these data stands out.</p>`
        : html`<ul class="findings">${findings.map(({ code, severity, message, advice, userIds, itemIds }) => html`<li key=${code}>
            <div><${Tag} tone=${TONES[severity][0]}>${TONES[severity][1]}<//></div>
            <div><strong>${message}</strong><p class="muted">${advice}</p>${userIds.length + itemIds.length > 0 && html`<p class="muted">For example ${[...userIds, ...itemIds].map((id, index) => html`${index > 0 && ', '}<code>${id}</code>`)}.</p>`}</div>
          </li>`)}</ul>`}
      <p class="muted">${runNo === null ? 'Checked' : `Checked by training run ${runNo},`} ${ago(checkedAt)}.</p>`}<//>
  <//>`;
}
