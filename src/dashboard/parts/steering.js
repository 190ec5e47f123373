/** What steers a list, to be filled in: values, filters and rules. The same for a scenario and for a variant of an experiment. */
import { html } from '../lib/preact.js';
import { wrongOf } from '../attempt.js';
import { Choice, Field } from './field.js';
import { FilterField } from './filter-field.js';
import { count } from '../words.js';
import { Input, Rows, numberOf } from './input.js';

const FIELDS = ['title', 'url', 'imageUrl', 'price', 'categories', 'attributes'];
const LABELS = {
  limit: 'Items', includeSeen: 'Bought and rated items too', popularityDiscount: 'Popularity held back', diversity: 'Diversity', rotation: 'Rotation', rotationHours: 'Hours of a rotation', minScore: 'Least score', explore: 'Places for new items', neighbourWeight: 'Weight of what is found together', fill: 'Fill up short lists', reasons: 'Reasons',
};

const COUNTED = { boosts: (n) => count(n, 'boost'), pins: (n) => count(n, 'pin'), exclude: (n) => `${n} left out`, never: (n) => count(n, 'never-rule'), bury: (n) => `${n} buried` };
const words = (value) => (value === true ? 'yes' : value === false ? 'no' : String(value));
const SWITCH = { '': undefined, yes: true, no: false };

/** A stored definition as the form holds it: texts, one id a line. */
export function steeringDraft({ exclude, bury, never, ...rest }) {
  return { ...rest, exclude: (exclude ?? []).join('\n'), bury: bury ?? [], never: never ?? [] };
}

/** What the form holds as a body: what was left empty is left out. @param parameters of `GET /v1/parameters` */
export function steeringBody(draft, parameters) {
  const { exclude = '', boosts = [], pins = [], bury = [], never = [], filter, description, fields, ...rest } = draft;
  const ids = exclude.split('\n').map((id) => id.trim()).filter((id) => id !== '');
  const values = parameters.map(({ name, kind }) => [name, kind === 'switch' ? rest[name] : numberOf(rest[name])]).filter(([, value]) => value !== undefined && value !== null);
  return {
    ...(description ? { description } : {}), ...Object.fromEntries(values), ...(filter ? { filter } : {}),
    ...(boosts.length > 0 ? { boosts: boosts.map((boost) => ({ filter: boost.filter, amount: numberOf(boost.amount) })) } : {}),
    ...(pins.length > 0 ? { pins: pins.map((pin) => ({ itemId: pin.itemId, position: numberOf(pin.position) })) } : {}),
    ...(ids.length > 0 ? { exclude: ids } : {}), ...(bury.length > 0 ? { bury } : {}), ...(never.length > 0 ? { never } : {}), ...(fields?.length > 0 ? { fields } : {}),
  };
}

/** What it says in few words: "diversity 0.6, 2 boosts". */
export function describeSteering(definition) {
  return Object.entries(definition)
    .filter(([name]) => !['name', 'updatedAt', 'description'].includes(name))
    .map(([name, value]) => (Array.isArray(value) ? (name === 'fields' ? `with ${value.join(', ')}` : COUNTED[name](value.length)) : name === 'filter' ? `only ${value}` : `${name} ${words(value)}`))
    .join(' · ');
}

/** Names and beginnings of names that this form can show a fault beside. */
export const STEERING_FIELDS = ['filter', 'boosts', 'pins', 'exclude', 'bury', 'never', 'fields', 'description', ...Object.keys(LABELS)];

function Value({ rule: { name, says, kind, default: usual }, value, wrong, onChange }) {
  const label = LABELS[name] ?? name;
  if (kind === 'switch') {
    return html`<${Choice} label=${label} hint=${`${says.replaceAll('`', '')}.`} wrong=${wrong} value=${value === undefined ? '' : words(value)} options=${[['', `as usual: ${words(usual)}`], ['yes', 'yes'], ['no', 'no']]} onChange=${(word) => onChange(SWITCH[word])} />`;
  }
  return html`<${Input} label=${label} hint=${`${says.replaceAll('`', '')}.`} wrong=${wrong} isNumber value=${value === undefined ? '' : String(value)} placeholder=${usual === null ? 'as usual: none' : `as usual: ${usual}`} onChange=${onChange} />`;
}

/** @param {{ draft: object, onChange: (draft: object) => void, parameters: any[], catalogue: object, error: any, before?: string }} props `catalogue`: of `useCatalogue`; `before`: what the names of fields begin with in a refusal, such as `variants.1.settings.` */
export function SteeringFields({ draft, onChange, parameters, catalogue, error, before = '' }) {
  const set = (name) => (value) => onChange({ ...draft, [name]: value });
  const wrong = (name, within) => wrongOf(error, `${before}${name}`, within);
  const conditions = (name, label, hint) => html`<${Rows} label=${label} hint=${hint} rows=${draft[name] ?? []} blank="" add="Add a condition" onChange=${set(name)}>
    ${(row, change, index) => html`<${FilterField} label="Items that match" value=${row} wrong=${wrong(`${name}.${index}`)} placeholder="price > 500" catalogue=${catalogue} onChange=${change} />`}<//>`;
  return html`<div class="form">
    <div class="fields">${parameters.map((rule) => html`<${Value} key=${rule.name} rule=${rule} value=${draft[rule.name]} wrong=${wrong(rule.name)} onChange=${set(rule.name)} />`)}</div>
    <${FilterField} label="Only items that match" hint=${html`A condition such as <code>${'category IN [shoes, "rain boots"] AND price < 100'}</code>. Completes as you type.`} wrong=${wrong('filter')} value=${draft.filter ?? ''} catalogue=${catalogue} onChange=${set('filter')} />
    <${Rows} label="Boosts" hint="Items that match move up, or down below 0. 5 lifts the fiftieth item of a list to the first place." rows=${draft.boosts ?? []} blank=${{ filter: '', amount: '1' }} add="Add a boost" onChange=${set('boosts')}>
      ${(row, change, index) => html`<${FilterField} label="Items that match" value=${row.filter} wrong=${wrong(`boosts.${index}.filter`)} placeholder="category = shoes" catalogue=${catalogue} onChange=${(filter) => change({ ...row, filter })} />
        <${Input} label="By" isNumber value=${String(row.amount)} wrong=${wrong(`boosts.${index}.amount`)} onChange=${(amount) => change({ ...row, amount })} />`}<//>
    <${Rows} label="Pins" hint="Items with a place of their own, counted from 1, where they are available." rows=${draft.pins ?? []} blank=${{ itemId: '', position: '1' }} add="Pin an item" onChange=${set('pins')}>
      ${(row, change, index) => html`<${Input} label="Item" value=${row.itemId} wrong=${wrong(`pins.${index}.itemId`)} placeholder="its id" onChange=${(itemId) => change({ ...row, itemId })} />
        <${Input} label="Place" isNumber value=${String(row.position)} wrong=${wrong(`pins.${index}.position`)} onChange=${(position) => change({ ...row, position })} />`}<//>
    ${conditions('never', 'Never', 'Items that match are in no list, whatever else is said.')}
    ${conditions('bury', 'Bury', 'Items that match come after all others: they only fill places that would stay empty.')}
    <div class="fields wide">
      <${Input} label="Left out" hint="Ids of items, one a line." wrong=${wrong('exclude', true)} lines=${3} value=${draft.exclude} onChange=${set('exclude')} />
      <${Field} label="Catalogue fields brought along" hint="What a page needs to draw an item without asking its own database." wrong=${wrong('fields', true)}>
        ${(attributes) => html`<div class="row" role="group" ...${attributes}>${FIELDS.map((name) => html`<label class="check"><input type="checkbox" checked=${(draft.fields ?? []).includes(name)} onChange=${(event) => set('fields')(event.currentTarget.checked ? [...(draft.fields ?? []), name] : draft.fields.filter((one) => one !== name))} /><span>${name}</span></label>`)}</div>`}<//>
    </div>
  </div>`;
}
