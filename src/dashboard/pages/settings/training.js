/** Settings of training, gate, guard and lists, with what each says. */
import { html, useState } from '../../lib/preact.js';
import { call } from '../../api.js';
import { useAnswer } from '../../answers.js';
import { unplaced, useAttempt, wrongOf } from '../../attempt.js';
import { notice } from '../../parts/ask.js';
import { Choice } from '../../parts/field.js';
import { Check, Input, numberOf } from '../../parts/input.js';
import { Panel } from '../../parts/panel.js';
import { Answered, Fault } from '../../parts/states.js';
import { number } from '../../words.js';

const LABELS = {
  'gate.margin': 'How much worse it may be', 'gate.minUsers': 'Test users for a fair comparison', 'gate.publishUnmeasured': 'Publish what could not be measured', 'gate.manual': 'Wait for somebody’s word',
  'gate.normRatio': 'How far the published fit may differ', 'gate.overlap': 'Lists in common, at least', guard: 'Guard', guardShare: 'Shoppers who stay on the former version', guardHours: 'Hours of the guard', search: 'Search for better recipes',
  split: 'What is held out to measure on', rampDays: 'Days until a shopper counts in full', hourlyEvents: 'Events an hour that count in full', leaveOutBursts: 'Leave bursts out', keepVersions: 'Versions kept',
  explore: 'Places for new items', attributionHours: 'Hours from a click to a purchase',
};
const GROUPS = [
  ['When a new model goes live', 'Each training ends at a gate: the new recipe is measured beside the live one on the same shoppers, and only goes live if it is not clearly worse.', ['gate.manual', 'gate.margin', 'gate.minUsers', 'gate.publishUnmeasured', 'gate.normRatio', 'gate.overlap']],
  ['After it went live', 'A guard lets some shoppers stay on the former version for a while and compares what they click.', ['guard', 'guardShare', 'guardHours']],
  ['How it is trained', 'Who counts for what others are shown, and how long a run looks for something better.', ['search', 'split', 'rampDays', 'hourlyEvents', 'leaveOutBursts', 'keepVersions']],
  ['Lists and their measuring', 'What new items get, and what counts as an outcome of a list.', ['explore', 'attributionHours']],
];

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
const words = (value) => (value === true ? 'on' : value === false ? 'off' : typeof value === 'number' ? number(value) : value);

function Setting({ rule: { name, says, kind, default: usual, least, most, among, value }, typed, wrong, onChange }) {
  const label = LABELS[name] ?? name;
  const bounds = kind === 'integer' || kind === 'number' ? ` ${number(least)} to ${number(most)}.` : '';
  const hint = html`${sentence(says)}${bounds} ${value === usual ? `It is ${words(usual)} by default.` : html`Default: ${words(usual)}. <button type="button" class="link" onClick=${() => onChange(usual)}>Take it</button>`}`;
  switch (kind) {
    case 'switch':
      return html`<${Check} label=${label} hint=${hint} wrong=${wrong} value=${typed} onChange=${onChange} />`;
    case 'choice':
      return html`<${Choice} label=${label} hint=${hint} wrong=${wrong} value=${typed} options=${among.map((one) => [one, one])} onChange=${onChange} />`;
    default:
      return html`<${Input} label=${label} hint=${hint} wrong=${wrong} isNumber value=${String(typed)} onChange=${onChange} />`;
  }
}

/** The body of a change: what is the default is set back to it, so that a later version's better one counts. */
function bodyOf(rules, typed) {
  const body = {};
  for (const { name, kind, default: usual } of rules.filter(({ name }) => name in typed)) {
    const given = kind === 'integer' || kind === 'number' ? numberOf(typed[name]) : typed[name];
    const value = given === usual || given === null ? null : given;
    const [first, second] = name.split('.');
    if (second === undefined) {
      body[first] = value;
    } else {
      body[first] = { ...body[first], [second]: value };
    }
  }
  return body;
}

export function TrainingSettings() {
  const rules = useAnswer('v1/settings/rules');
  const [typed, setTyped] = useState({});
  const { error, isBusy, attempt, forget } = useAttempt();
  const draw = ({ items }) => {
    const isChanged = items.some(({ name, value }) => name in typed && String(typed[name]) !== String(value));
    const save = (event) => {
      event.preventDefault();
      void attempt(async () => {
        await call('PUT', 'v1/settings', bodyOf(items, typed));
        await rules.reload();
        setTyped({});
        notice('Saved. The next training goes by it.');
      });
    };
    const grouped = new Set(GROUPS.flatMap(([, , names]) => names));
    const more = items.filter(({ name }) => !grouped.has(name)).map(({ name }) => name);
    return html`<form class="stack" onSubmit=${save} noValidate>
      ${[...GROUPS, ...(more.length === 0 ? [] : [['More', '', more]])].map(([title, says, names]) => html`<${Panel} title=${title} says=${says}><div class="fields wide">
        ${names.map((name) => items.find((rule) => rule.name === name)).filter(Boolean).map((rule) => html`<${Setting} key=${rule.name} rule=${rule} typed=${typed[rule.name] ?? rule.value} wrong=${wrongOf(error, rule.name)} onChange=${(value) => setTyped({ ...typed, [rule.name]: value })} />`)}
      </div><//>`)}
      ${error !== null && (unplaced(error, items.map(({ name }) => name)) === null ? html`<p class="bad" role="alert">Nothing was saved: see what is wrong above.</p>` : html`<${Fault} error=${error} />`)}
      <div class="row save"><button class="primary" disabled=${!isChanged || isBusy}>Save</button><button type="button" disabled=${!isChanged || isBusy} onClick=${() => { setTyped({}); forget(); }}>Leave as it was</button></div>
    </form>`;
  };
  return html`<${Answered} of=${rules}>${draw}<//>`;
}
