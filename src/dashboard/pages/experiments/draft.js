/** A new experiment: its variants and their shares, what counts, and who takes part. */
import { html, useState } from '../../lib/preact.js';
import { call } from '../../api.js';
import { useAnswer } from '../../answers.js';
import { unplaced, useAttempt, wrongOf } from '../../attempt.js';
import { useCatalogue } from '../../catalogue.js';
import { notice } from '../../parts/ask.js';
import { Choice } from '../../parts/field.js';
import { Input, numberOf } from '../../parts/input.js';
import { Panel } from '../../parts/panel.js';
import { Answered, Fault } from '../../parts/states.js';
import { STEERING_FIELDS, SteeringFields, steeringBody, steeringDraft } from '../../parts/steering.js';

const KINDS = [['same', 'the list as it is'], ['settings', 'other settings'], ['model', 'another model version'], ['off', 'no recommendations: what is trending']];
const MEASURES = [['clicks', 'clicks'], ['carts', 'carts'], ['purchases', 'purchases'], ['revenue', 'revenue']];
const MOST_VARIANTS = 5;

const variantOf = (name, kind, share) => ({ name, kind, share, modelVersion: '', settings: steeringDraft({}) });
/** As per cent in the form, as a share in the body. */
const shareOf = (text) => {
  const number = numberOf(text);
  return typeof number === 'number' ? Number((number / 100).toFixed(6)) : number;
};

function bodyOf({ name, description, scenario, traffic, measure, minEffect, variants }, parameters) {
  return {
    name, ...(description === '' ? {} : { description }), ...(scenario === '' ? {} : { scenario }), measure, traffic: shareOf(traffic), minEffect: shareOf(minEffect),
    variants: variants.map(({ name: own, kind, share, modelVersion, settings }) => ({
      name: own, share: shareOf(share), ...(kind === 'settings' ? { settings: steeringBody(settings, parameters) } : {}), ...(kind === 'model' ? { modelVersion: numberOf(modelVersion) } : {}), ...(kind === 'off' ? { off: true } : {}),
    })),
  };
}

function Variant({ variant, index, count, models, parameters, catalogue, error, onChange, onRemove }) {
  const set = (field) => (value) => onChange({ ...variant, [field]: value });
  const wrong = (field) => wrongOf(error, `variants.${index}.${field}`);
  const versions = models.filter(({ state }) => state !== 'rejected').map(({ version, state }) => [String(version), `model ${version}, ${state}`]);
  return html`<fieldset class="variant"><legend>Variant ${index + 1}${index === 0 ? ': what the others are compared with' : ''}</legend>
    <div class="fields">
      <${Input} label="Name" wrong=${wrong('name')} value=${variant.name} onChange=${set('name')} />
      <${Input} label="Share in %" hint="Of the shoppers who take part" wrong=${wrong('share')} isNumber value=${variant.share} onChange=${set('share')} />
      <${Choice} label="Shows" wrong=${wrong('off') ?? wrongOf(error, `variants.${index}.settings`)} value=${variant.kind} options=${KINDS} onChange=${set('kind')} />
      ${variant.kind === 'model' && html`<${Choice} label="Model version" hint="It takes the memory of one more model." wrong=${wrong('modelVersion')} value=${variant.modelVersion} options=${[['', 'choose one'], ...versions]} onChange=${set('modelVersion')} />`}
    </div>
    ${variant.kind === 'settings' && html`<p class="muted">In place of the scenario’s own, setting by setting. What is left empty is as the scenario says.</p><${SteeringFields} draft=${variant.settings} onChange=${set('settings')} parameters=${parameters} catalogue=${catalogue} error=${error} before=${`variants.${index}.settings.`} />`}
    ${count > 2 && html`<div><button type="button" class="small quiet" onClick=${onRemove}>Remove variant ${index + 1}</button></div>`}
  </fieldset>`;
}

/** @param {{ onDone: (made: object | null) => Promise<void> }} props null: nothing was made */
export function Draft({ onDone }) {
  const scenarios = useAnswer('v1/scenarios');
  const models = useAnswer('v1/models?limit=50');
  const parameters = useAnswer('v1/parameters');
  const catalogue = useCatalogue();
  const [draft, setDraft] = useState({ name: '', description: '', scenario: '', traffic: '100', measure: 'clicks', minEffect: '10', variants: [variantOf('as-it-is', 'same', '50'), variantOf('other', 'settings', '50')] });
  const { error, isBusy, attempt } = useAttempt();
  const set = (field) => (value) => setDraft({ ...draft, [field]: value });
  const setVariant = (index) => (variant) => set('variants')(draft.variants.map((one, n) => (n === index ? variant : one)));
  const names = ['name', 'description', 'scenario', 'traffic', 'minEffect', 'variants', ...draft.variants.flatMap((_, n) => STEERING_FIELDS.map((field) => `variants.${n}.settings.${field}`))];
  const save = (event) => {
    event.preventDefault();
    void attempt(async () => {
      const made = await call('POST', 'v1/experiments', bodyOf(draft, parameters.answer.items));
      notice(`${made.name} is a draft. Nothing changes for shoppers until it is started.`);
      await onDone(made);
    });
  };
  return html`<${Panel} title="A new experiment" says="It begins as a draft: nothing changes for shoppers until you start it."><${Answered} of=${parameters}>${({ items }) => html`<form class="form" onSubmit=${save} noValidate>
    <div class="fields">
      <${Input} label="Name" hint="Small letters, digits and -, a letter first" wrong=${wrongOf(error, 'name')} value=${draft.name} placeholder="varied-home" onChange=${set('name')} />
      <${Choice} label="Lists of" hint="Other settings need a scenario whose settings they replace." wrong=${wrongOf(error, 'scenario')} value=${draft.scenario} options=${[['', 'all scenarios'], ...(scenarios.answer?.items ?? []).map(({ name }) => [name, name])]} onChange=${set('scenario')} />
      <${Choice} label="What counts, a list" wrong=${wrongOf(error, 'measure')} value=${draft.measure} options=${MEASURES} onChange=${set('measure')} />
      <${Input} label="Shoppers who take part, in %" wrong=${wrongOf(error, 'traffic')} isNumber value=${draft.traffic} onChange=${set('traffic')} />
      <${Input} label="Least difference worth finding, in %" hint="Of the first variant’s rate. Half of it takes four times as long." wrong=${wrongOf(error, 'minEffect')} isNumber value=${draft.minEffect} onChange=${set('minEffect')} />
      <${Input} label="What it is for" wrong=${wrongOf(error, 'description')} value=${draft.description} maxlength="500" onChange=${set('description')} />
    </div>
    ${draft.variants.map((variant, index) => html`<${Variant} key=${index} variant=${variant} index=${index} count=${draft.variants.length} models=${models.answer?.items ?? []} parameters=${items} catalogue=${catalogue} error=${error} onChange=${setVariant(index)} onRemove=${() => set('variants')(draft.variants.filter((_, n) => n !== index))} />`)}
    ${wrongOf(error, 'variants') !== null && html`<p class="bad" role="alert">${wrongOf(error, 'variants')}</p>`}
    ${draft.variants.length < MOST_VARIANTS && html`<div><button type="button" class="small" onClick=${() => set('variants')([...draft.variants, variantOf('', 'settings', '')])}>Add a variant</button></div>`}
    ${error !== null && (unplaced(error, names) === null ? html`<p class="bad" role="alert">Not made: see what is wrong above.</p>` : html`<${Fault} error=${error} />`)}
    <div class="row save panel-save"><button class="primary" disabled=${isBusy}>Make a draft</button><button type="button" onClick=${() => onDone(null)}>Cancel</button></div>
  </form>`}<//><//>`;
}
