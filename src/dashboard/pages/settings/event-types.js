/** Event types: what there is, one changed or made, or a set of them. */
import { html, useState } from '../../lib/preact.js';
import { call } from '../../api.js';
import { useAnswer } from '../../answers.js';
import { unplaced, useAttempt, wrongOf } from '../../attempt.js';
import { ask, notice } from '../../parts/ask.js';
import { Choice } from '../../parts/field.js';
import { Check, Input, numberOf } from '../../parts/input.js';
import { Panel } from '../../parts/panel.js';
import { Answered, Fault } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { count, number } from '../../words.js';

const MODES = [['sum', 'they add up (and saturate)'], ['latest', 'the newest counts, by its value']];
const NEW = { name: '', weight: '1', mode: 'sum', halfLifeDays: '', threshold: '', useValue: false, hidesDays: '0', isNew: true };
const FIELDS = ['name', 'weight', 'mode', 'halfLifeDays', 'threshold', 'useValue', 'hidesDays'];

const textOf = (value) => (value === null ? '' : String(value));
const draftOf = ({ name, weight, mode, halfLifeDays, threshold, useValue, hidesDays }) => ({ name, weight: String(weight), mode, halfLifeDays: textOf(halfLifeDays), threshold: textOf(threshold), useValue, hidesDays: textOf(hidesDays), isNew: false });
const hides = (days) => (days === null ? 'for ever' : days === 0 ? 'no' : count(days, 'day'));

function Form({ draft, setDraft, onSaved }) {
  const { error, isBusy, attempt } = useAttempt();
  const set = (field) => (value) => setDraft({ ...draft, [field]: value });
  const wrong = (field) => wrongOf(error, `items.0.${field}`);
  const save = (event) => {
    event.preventDefault();
    const { isNew: _, name, mode, useValue, ...numbers } = draft;
    void attempt(async () => {
      await call('PUT', 'v1/event-types', { items: [{ name, mode, useValue, ...Object.fromEntries(Object.entries(numbers).map(([field, text]) => [field, numberOf(text)])) }] });
      notice(`${name} is saved. The next training goes by it.`);
      await onSaved();
    });
  };
  return html`<${Panel} title=${draft.isNew ? 'A new event type' : `Change ${draft.name}`}><form class="form" onSubmit=${save} noValidate>
    <div class="fields">
      ${draft.isNew && html`<${Input} label="Name" hint="As your shop will send it: a letter, then letters, digits, _ . or -" wrong=${wrong('name')} value=${draft.name} placeholder="wishlist" onChange=${set('name')} />`}
      <${Input} label="Weight" hint="What one such event is worth beside the others. Below 0 it speaks against the item." wrong=${wrong('weight')} isNumber value=${draft.weight} onChange=${set('weight')} />
      <${Choice} label="Several of one item" wrong=${wrong('mode')} value=${draft.mode} options=${MODES} onChange=${set('mode')} />
      <${Input} label="Half-life in days" hint="After so long it counts half. Empty: it does not fade." wrong=${wrong('halfLifeDays')} isNumber value=${draft.halfLifeDays} onChange=${set('halfLifeDays')} />
      ${draft.mode === 'latest' && html`<${Input} label="Positive from" hint="A value from here on speaks for the item, one below against it. Empty: any does." wrong=${wrong('threshold')} isNumber value=${draft.threshold} onChange=${set('threshold')} />`}
      <${Input} label="Hides the item for days" hint="So long the shopper is not shown the item again. 0: not at all. Empty: for ever." wrong=${wrong('hidesDays')} isNumber value=${draft.hidesDays} onChange=${set('hidesDays')} />
      ${draft.mode === 'sum' && html`<${Check} label="It counts as often as its value says" hint="Such as minutes watched." wrong=${wrong('useValue')} value=${draft.useValue} onChange=${set('useValue')} />`}
    </div>
    ${unplaced(error, FIELDS.map((field) => `items.0.${field}`)) !== null && html`<${Fault} error=${error} />`}
    <div class="row"><button class="primary" disabled=${isBusy}>Save</button><button type="button" onClick=${() => setDraft(null)}>Cancel</button></div>
  </form><//>`;
}

function Presets({ presets, onChanged }) {
  const { error, attempt } = useAttempt();
  const take = ({ name, says }) => attempt(async () => {
    if (await ask({ title: `Set the types of “${name}”?`, says: `Sets ${says}. Types of these names lose what you changed of them; others stay as they are. Nothing has to be imported again.`, action: 'Set them' })) {
      await call('PUT', 'v1/event-types', { preset: name });
      notice(`The types of “${name}” are set.`);
      await onChanged();
    }
  });
  return html`<${Panel} title="Begin with a set" says="For kinds of services. What you have beside it stays.">
    ${error !== null && html`<${Fault} error=${error} />`}
    <ul class="choices">${presets.map((preset) => html`<li><div><strong>${preset.name}</strong><p class="muted">${preset.says}</p></div><button type="button" class="small" aria-label=${`Set the types of ${preset.name}`} onClick=${() => take(preset)}>Set</button></li>`)}</ul>
  <//>`;
}

export function EventTypes() {
  const types = useAnswer('v1/event-types');
  const [draft, setDraft] = useState(null);
  const columns = [
    { title: 'Type', isHead: true, cell: ({ name }) => html`<code class="whole">${name}</code>` },
    { title: 'Weight', isNumber: true, cell: ({ weight }) => number(weight) },
    { title: 'Several of one item', cell: ({ mode, useValue }) => (mode === 'sum' ? `add up${useValue ? ', by their value' : ''}` : 'the newest counts') },
    { title: 'Positive from', isNumber: true, cell: ({ mode, threshold }) => (mode === 'latest' && threshold !== null ? number(threshold) : '–') },
    { title: 'Fades by half in', cell: ({ halfLifeDays }) => (halfLifeDays === null ? 'never' : count(halfLifeDays, 'day')) },
    { title: 'Hides the item', cell: ({ hidesDays }) => hides(hidesDays) },
    { title: '', label: 'What can be done', cell: (type) => html`<button type="button" class="small" aria-label=${`Change ${type.name}`} onClick=${() => setDraft(draftOf(type))}>Change</button>` },
  ];
  const saved = async () => {
    setDraft(null);
    await types.reload();
  };
  return html`<${Answered} of=${types}>${({ items, presets }) => html`
    <${Panel} title="Event types" says="The next training goes by what is set here; until then answers go by what the live model was trained with." end=${draft === null && html`<button type="button" class="small" onClick=${() => setDraft(NEW)}>Make a type</button>`}>
      <${Table} name="Event types" columns=${columns} rows=${items} keyOf=${({ name }) => name} />
    <//>
    ${draft !== null && html`<${Form} key=${draft.isNew ? '' : draft.name} draft=${draft} setDraft=${setDraft} onSaved=${saved} />`}
    <${Presets} presets=${presets} onChanged=${types.reload} />`}<//>`;
}
