/** One model version: what it is, how good, and what can be done with it. */
import { html } from '../../lib/preact.js';
import { useAnswer } from '../../answers.js';
import { inPath } from '../../api.js';
import { Figure, Figures } from '../../parts/figure.js';
import { Intervals } from '../../parts/intervals.js';
import { Head, Panel, Tag } from '../../parts/panel.js';
import { Answered } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { go, hrefOf } from '../../route.js';
import { bytes, count, fixed, moment, number, withMoments } from '../../words.js';
import { describeVerdict } from '../../verdicts.js';
import { Findings } from './findings.js';
import { VersionSteps, describeLife } from './steps.js';
import { describeParameter, describeVersionState, isKnown, metricOf } from './terms.js';

/** At 20, of the card. */
export const figureOf = (card, key) => card.test?.rankings[0].figures.at.find(({ k }) => k === 20)?.[key] ?? null;

function Recipe({ recipe, start, size }) {
  const rows = Object.entries(recipe).map(([name, value]) => ({ name, ...describeParameter(name, value) }));
  const began = start === null ? '' : start.kind === 'warm' ? ` Its fit went on from version ${start.fromVersion}.` : ` Its fit began from the start: ${start.note}`;
  const weight = size ? ` It weighs ${bytes(size.item + size.user)}, ${bytes(size.item)} of them for items.` : '';
  return html`<${Panel} title="Settings" says=${`The recipe: what the search chose, or what was live before.${began}${weight}`}>
    <${Table} name="Settings" rows=${rows} keyOf=${({ name }) => name} columns=${[{ title: 'Setting', isHead: true, cell: ({ title, says }) => html`${title}<br /><small class="muted">${says}</small>` }, { title: 'Value', isNumber: true, cell: ({ text }) => text }]} />
  <//>`;
}

const GUARD_VERDICTS = { open: 'It is too early to say whether the new version is clicked less.', worse: 'The new version is clicked clearly less.', none: 'Nothing was found against the new version.' };
const GUARD_ENDS = { over: 'its time was up, and nothing was wrong', superseded: 'another version went live meanwhile', worse: 'the new version was clearly worse', 'rolled-back': 'the new version was clearly worse, and was rolled back' };

function Guard({ guard: { experiment, state, hours, startedAt, ended, look } }) {
  const rates = (look?.variants ?? []).flatMap(({ rate, lists, clicks }, index) => (typeof rate?.low !== 'number' || typeof rate.high !== 'number' ? [] : [{ name: index === 0 ? 'The former version' : 'This version', note: `${count(clicks, 'click')} on ${count(lists, 'list')}`, colour: `--series-${index === 0 ? 2 : 1}`, mean: rate.value, low: rate.low, high: rate.high }]));
  const says = 'After a version goes live, a share of the shoppers stays on the former one for a while; where the new one is clicked clearly less, it is rolled back by itself.';
  const words = state === 'running' ? `It began ${moment(startedAt)} and lasts ${count(hours, 'hour')}.` : `It has ended: ${GUARD_ENDS[ended] ?? ended ?? 'somebody stopped it'}.`;
  return html`<${Panel} title="The guard" says=${says} end=${html`<${Tag} tone=${state === 'running' ? 'accent' : ''}>${state === 'running' ? 'watching' : 'ended'}<//>`}>
    <p>${words}${state === 'running' && ` ${GUARD_VERDICTS[look?.comparisons[0]?.verdict ?? 'open']}`} <a href=${hrefOf('experiments', { name: experiment })}>All its figures</a></p>
    ${rates.length > 0 && html`<h3>Clicks a list, by what shoppers did until ${moment(look.at)}</h3><${Intervals} name="Clicks a list" rows=${rates} text=${(value) => fixed(value)} />`}
  <//>`;
}

function textsOf(key, { mean, low, high }) {
  const { text } = metricOf(key);
  return { value: text(mean), low: text(low), high: text(high) };
}

function Card({ card }) {
  const { trainedOn, report } = card;
  const [recall, ndcg] = [figureOf(card, 'recall'), figureOf(card, 'ndcg')];
  const [word, says, tone] = describeVerdict(card.verdict?.code ?? null);
  return html`
    <${Figures} label="The version">
      ${isKnown(recall) && html`<${Figure} name="Found again" ...${textsOf('recall', recall)} note="of what test shoppers went on to want, among 20 places (recall@20)" />`}
      ${isKnown(ndcg) && html`<${Figure} name="Well placed" ...${textsOf('ndcg', ndcg)} note="0 nothing, 1 all of it at the top (NDCG@20)" />`}
      <${Figure} name="Verdict" value=${word} tone=${tone} note=${says} />
      <${Figure} name="Learnt from" value=${number(trainedOn.events)} unit="events" note=${`of ${count(trainedOn.users, 'shopper')} and ${count(trainedOn.items, 'item')}, ${trainedOn.newestAt === null ? '' : `until ${moment(trainedOn.newestAt)}`}`} />
    <//>
    <${Findings} findings=${card} report=${report} />
    ${card.guard !== null && html`<${Guard} guard=${card.guard} />`}
    <div class="panels">
      <${Recipe} recipe=${card.recipe} start=${card.start} size=${report.bytes} />
      <${Panel} title="When not to trust it"><ul class="lines">${card.limits.map((sentence) => html`<li>${withMoments(sentence)}</li>`)}</ul>
        <p><a href=${`v1/models/${card.version}?format=markdown`}>Its card as Markdown</a>${card.runNo !== null && html`, <a href=${hrefOf('training', { run: card.runNo })}>the run that made it</a>`}</p>
      <//>
    </div>`;
}

/** @param {{ no: string, models: any, settings: any }} props `models`: what `useAnswer` gave of the versions */
export function Version({ no, models, settings }) {
  const card = useAnswer(`v1/models/${inPath(no)}`);
  const items = models.answer?.items ?? [];
  const live = items.find(({ state }) => state === 'live');
  const others = items.filter(({ version }) => String(version) !== no);
  const onDone = () => Promise.all([card.reload(), models.reload()]);
  const [word, tone] = describeVersionState(card.answer?.state);
  return html`<${Head} title=${html`Model version ${no} ${card.answer !== null && html`<${Tag} tone=${tone}>${word}<//>`}`} says=${card.answer === null ? '' : `${describeLife(card.answer)}.`}>
      ${card.answer !== null && html`<${VersionSteps} version=${card.answer} live=${live} settings=${settings} onDone=${onDone} />`}
      ${others.length > 0 && html`<select aria-label="Compare with" value="" onChange=${(event) => go('training', { compare: `${no},${event.currentTarget.value}` })}><option value="">Compare with …</option>${others.map(({ version, state }) => html`<option value=${version}>version ${version}${state === 'live' ? ', live' : ''}</option>`)}</select>`}
      <a class="button" href=${hrefOf('training')}>All runs and versions</a><//>
    <div class="stack"><${Answered} of=${card} what="Looking it up">${(answer) => html`<${Card} card=${answer} />`}<//></div>`;
}
