/** What steers a list: as a person moves it, and as the API takes it. What nobody moved is not sent, so that scenario and settings decide. */
import { html } from '../../lib/preact.js';
import { unplaced, wrongOf } from '../../attempt.js';
import { Choice, Slider } from '../../parts/field.js';
import { FilterField } from '../../parts/filter-field.js';
import { Panel } from '../../parts/panel.js';
import { fixed, percent } from '../../words.js';

export const NO_STEERING = { limit: 10, scenario: '', diversity: null, explore: null, rotation: null, neighbourWeight: null, includeSeen: false, filter: '', boosts: [] };

/** So many boosts, and a list's parameters otherwise, are all the API takes. */
const MOST_BOOSTS = 10;

const SLIDERS = [
  { name: 'diversity', label: 'Variety', usual: 0, max: 1, step: 0.05, show: percent, hint: '0 %: by score alone. More: items that are less alike.' },
  { name: 'explore', label: 'Room for new items', usual: 0.1, max: 0.5, step: 0.05, show: percent, hint: 'Share of the places that items nobody knows yet may take.' },
  { name: 'rotation', label: 'Chance', usual: 0, max: 1, step: 0.05, show: percent, hint: 'How far chance may take an item down; another list every day.' },
  { name: 'neighbourWeight', label: 'Often found together', usual: 1, max: 3, step: 0.1, show: (value) => `× ${fixed(value, 1)}`, hint: 'How much what goes with a shopper’s own items counts, against their taste.' },
];

/** @returns the body of a question for a list that no shopper is shown */
export function bodyOf({ limit, scenario, includeSeen, filter, boosts, ...sliders }) {
  const moved = Object.entries(sliders).filter(([, value]) => value !== null);
  const filled = boosts.filter((boost) => boost.filter.trim() !== '');
  return {
    preview: true, limit, fields: ['title', 'price', 'categories'], reasons: true, ...Object.fromEntries(moved),
    ...(scenario === '' ? {} : { scenario }), ...(includeSeen ? { includeSeen } : {}), ...(filter.trim() === '' ? {} : { filter }), ...(filled.length === 0 ? {} : { boosts: filled }),
  };
}

/** Whether a refusal is of something that this panel marks. */
export const isOfSteering = (error) => unplaced(error, ['filter', 'boosts']) === null;

function Boosts({ boosts, error, catalogue, onChange }) {
  const set = (index, change) => onChange(boosts.map((boost, k) => (k === index ? { ...boost, ...change } : boost)));
  // The API counts those alone that are sent.
  const sent = boosts.map((boost, index) => boosts.slice(0, index).filter(({ filter }) => filter.trim() !== '').length);
  return html`<div class="stack">
    ${boosts.map((boost, index) => html`<fieldset class="boost" key=${index}><legend class="hidden-label">Boost ${index + 1}</legend>
      <${FilterField} label=${`Boost ${index + 1}: items that match`} value=${boost.filter} wrong=${wrongOf(error, `boosts.${sent[index]}.filter`)} catalogue=${catalogue} onChange=${(filter) => set(index, { filter })} />
      <${Slider} label="move by" value=${boost.amount} min=${-5} max=${5} step=${0.25} show=${(value) => `${value > 0 ? '+' : ''}${fixed(value, 2)} σ`} hint=${index === 0 ? 'Units of the list’s own spread: +5 lifts the fiftieth item to the first place, below 0 moves down.' : undefined} onChange=${(amount) => set(index, { amount })} />
      <div><button type="button" class="quiet small" onClick=${() => onChange(boosts.filter((_, k) => k !== index))}>Remove boost ${index + 1}</button></div>
    </fieldset>`)}
    ${boosts.length < MOST_BOOSTS && html`<div><button type="button" class="small" onClick=${() => onChange([...boosts, { filter: '', amount: 1.5 }])}>Add a boost</button></div>`}
  </div>`;
}

/** @param error what the last question was refused with; faults of a field stand beside it */
export function Steering({ steering, onChange, error, catalogue, hasSeen = false }) {
  const set = (change) => onChange({ ...steering, ...change });
  const isMoved = JSON.stringify(steering) !== JSON.stringify(NO_STEERING);
  const scenarios = [['', 'none'], ...catalogue.scenarios.map(({ name, description }) => [name, description ? `${name}: ${description}` : name])];
  return html`<${Panel} title="Steer it" class="steering" end=${html`<button type="button" class="quiet small" disabled=${!isMoved} onClick=${() => onChange(NO_STEERING)}>Reset</button>`}>
    <${FilterField} label="Only items that match" wrong=${wrongOf(error, 'filter')} hint=${html`Completes as you type. <a href="docs">All operators</a> are in the documentation.`} value=${steering.filter} catalogue=${catalogue} onChange=${(filter) => set({ filter })} />
    ${SLIDERS.map(({ name, label, usual, max, step, show, hint }) => html`<${Slider} key=${name} label=${label} hint=${hint} value=${steering[name] ?? usual} max=${max} step=${step} show=${(value) => (steering[name] === null ? 'usual' : show(value))} onChange=${(value) => set({ [name]: value })} />`)}
    <${Boosts} boosts=${steering.boosts} error=${error} catalogue=${catalogue} onChange=${(boosts) => set({ boosts })} />
    ${scenarios.length > 1 && html`<${Choice} label="Scenario" hint="Steering that is kept under a name; what is moved here goes first." value=${steering.scenario} options=${scenarios} onChange=${(scenario) => set({ scenario })} />`}
    <${Choice} label="Length" value=${String(steering.limit)} options=${['5', '10', '20', '50'].map((limit) => [limit, `${limit} items`])} onChange=${(limit) => set({ limit: Number(limit) })} />
    ${hasSeen && html`<label class="check"><input type="checkbox" checked=${steering.includeSeen} onChange=${(event) => set({ includeSeen: event.currentTarget.checked })} />Bought and rated items too</label>`}
  <//>`;
}
