/** What can be set: who may call, what events are worth, how lists are steered, when a model goes live. */
import { html } from '../lib/preact.js';
import { Head } from '../parts/panel.js';
import { Tabs } from '../parts/tabs.js';
import { EventTypes } from './settings/event-types.js';
import { Installation } from './settings/installation.js';
import { Keys } from './settings/keys.js';
import { Scenarios } from './settings/scenarios.js';
import { TokenSecrets } from './settings/token-secrets.js';
import { TrainingSettings } from './settings/training.js';

const PARTS = [['keys', 'Keys'], ['events', 'Event types'], ['scenarios', 'Scenarios'], ['training', 'Models and lists'], ['installation', 'Browsers and storage']];
const SAYS = {
  keys: 'Who may call the service, and with what.',
  events: 'What kinds of events there are, and how much each says about a shopper’s taste.',
  scenarios: 'How the lists of each place of your shop are steered, under a name that requests send.',
  training: 'When a new model goes live, how it is watched, and what new items and busy shoppers count.',
  installation: 'What was set at the start: a restart changes it.',
};

export default function Settings({ parameters: { part = 'keys' } }) {
  const current = part in SAYS ? part : 'keys';
  return html`<${Head} title="Settings" says=${SAYS[current]} /><${Tabs} name="Settings" page="settings" parts=${PARTS} current=${current} />
    <div class="stack">
      ${current === 'keys' && html`<${Keys} /><${TokenSecrets} />`}
      ${current === 'events' && html`<${EventTypes} />`}
      ${current === 'scenarios' && html`<${Scenarios} />`}
      ${current === 'training' && html`<${TrainingSettings} />`}
      ${current === 'installation' && html`<${Installation} />`}
    </div>`;
}
