/** Scenarios: list, make, change, delete. */
import { html, useState } from '../../lib/preact.js';
import { call, inPath } from '../../api.js';
import { useAnswer } from '../../answers.js';
import { unplaced, useAttempt, wrongOf } from '../../attempt.js';
import { useCatalogue } from '../../catalogue.js';
import { ask, notice } from '../../parts/ask.js';
import { Input } from '../../parts/input.js';
import { Panel } from '../../parts/panel.js';
import { Answered, Empty, Fault } from '../../parts/states.js';
import { STEERING_FIELDS, SteeringFields, describeSteering, steeringBody, steeringDraft } from '../../parts/steering.js';
import { Table } from '../../parts/table.js';
import { moment } from '../../words.js';

function Form({ begun, parameters, onDone }) {
  const [name, setName] = useState(begun?.name ?? '');
  const [draft, setDraft] = useState(() => steeringDraft(begun ?? {}));
  const catalogue = useCatalogue();
  const { error, isBusy, attempt } = useAttempt();
  const save = (event) => {
    event.preventDefault();
    void attempt(async () => {
      // An empty name is no address; the service says what a name must be.
      await call('PUT', `v1/scenarios/${inPath(name === '' ? ' ' : name)}`, steeringBody(draft, parameters));
      notice(`${name} is saved: the next lists go by it.`);
      await onDone(true);
    });
  };
  return html`<${Panel} title=${begun === null ? 'A new scenario' : `Change ${begun.name}`} says="What is left empty is as usual. What a request says itself still counts, except that nothing gets past “never”."><form class="form" onSubmit=${save} noValidate>
    <div class="fields wide">
      ${begun === null && html`<${Input} label="Name" hint="Requests send it as scenario=… Small letters, digits and -, a letter first." wrong=${wrongOf(error, 'name')} value=${name} placeholder="home" onChange=${setName} />`}
      <${Input} label="What it is for" wrong=${wrongOf(error, 'description')} value=${draft.description} placeholder="The front page" maxlength="500" onChange=${(description) => setDraft({ ...draft, description })} />
    </div>
    <${SteeringFields} draft=${draft} onChange=${setDraft} parameters=${parameters} catalogue=${catalogue} error=${error} />
    ${error !== null && (unplaced(error, [...STEERING_FIELDS, 'name']) === null ? html`<p class="bad" role="alert">Not saved: see what is wrong above.</p>` : html`<${Fault} error=${error} />`)}
    <div class="row save panel-save"><button class="primary" disabled=${isBusy}>Save</button><button type="button" onClick=${() => onDone(false)}>Cancel</button></div>
  </form><//>`;
}

export function Scenarios() {
  const scenarios = useAnswer('v1/scenarios');
  const parameters = useAnswer('v1/parameters');
  const [begun, setBegun] = useState(undefined);
  const { error, attempt } = useAttempt();
  const remove = ({ name }) => attempt(async () => {
    if (await ask({ title: `Delete the scenario ${name}?`, says: `Requests that still send scenario=${name} are refused from then on. Change your pages first.`, action: 'Delete it', danger: true })) {
      await call('DELETE', `v1/scenarios/${inPath(name)}`);
      notice(`${name} is deleted.`);
      setBegun(undefined);
      await scenarios.reload();
    }
  });
  const done = async (isSaved) => {
    setBegun(undefined);
    if (isSaved) {
      await scenarios.reload();
    }
  };
  const columns = [
    { title: 'Name', isHead: true, cell: ({ name }) => html`<code class="whole">${name}</code>` },
    { title: 'What it is for', cell: ({ description }) => description ?? '–' },
    { title: 'Steers by', cell: (scenario) => describeSteering(scenario) || 'nothing: lists as usual, counted apart' },
    { title: 'Changed', cell: ({ updatedAt }) => moment(updatedAt) },
    { title: '', label: 'What can be done', cell: (scenario) => html`<span class="row tight"><button type="button" class="small" aria-label=${`Change ${scenario.name}`} onClick=${() => setBegun(scenario)}>Change</button><button type="button" class="small danger" aria-label=${`Delete ${scenario.name}`} onClick=${() => remove(scenario)}>Delete</button></span>` },
  ];
  const make = html`<button type="button" class="small" onClick=${() => setBegun(null)}>Make a scenario</button>`;
  return html`${error !== null && html`<${Fault} error=${error} />`}
    <${Answered} of=${scenarios}>${({ items }) => html`<${Panel} title="Scenarios" says="One for each place that shows a list: the front page, the cart, a mail. Lists are counted by scenario too, so you see what each place brings." end=${begun === undefined && items.length > 0 && make}>
      ${items.length === 0 ? html`<${Empty} title="None yet" says="Requests without a scenario get lists as usual. A scenario lets you change what a place of your shop shows without changing the shop.">${begun === undefined && make}<//>` : html`<${Table} name="Scenarios" columns=${columns} rows=${items} keyOf=${({ name }) => name} />`}
    <//>`}<//>
    ${begun !== undefined && html`<${Answered} of=${parameters}>${(answer) => html`<${Form} key=${begun?.name ?? ''} begun=${begun} parameters=${answer.items} onDone=${done} />`}<//>`}`;
}
