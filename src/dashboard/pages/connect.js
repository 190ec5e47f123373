/** How a shop is connected: what to copy, with this installation's address in it, and what arrives. */
import { html, useState } from '../lib/preact.js';
import { baseUrl } from '../api.js';
import { useAnswer } from '../answers.js';
import { Code } from '../parts/code.js';
import { Choice } from '../parts/field.js';
import { Head, Panel } from '../parts/panel.js';
import { Answered } from '../parts/states.js';
import { Tabs } from '../parts/tabs.js';
import { hrefOf } from '../route.js';
import { SNIPPETS } from './connect/snippets.js';
import { Tail } from './connect/tail.js';

const PREFIXES = { publishable: 'pk_', secret: 'sk_' };

/** The keys of a role, by what stands for each in a snippet: the whole key is known nowhere. */
const standInsOf = (role, keys) => [
  ...keys.filter((key) => key.role === role && key.revokedAt === null).map(({ no, name, hint }) => [`${hint}…`, `key ${no}, ${name} (${hint}…)`]),
  [`${PREFIXES[role]}YOUR_KEY`, 'one that is not in this list'],
];

function Snippet({ snippet: { name, title, role, write }, keys }) {
  const standIns = standInsOf(role, keys);
  const [chosen, setChosen] = useState(null);
  const key = standIns.some(([standIn]) => standIn === chosen) ? chosen : standIns[0][0];
  return html`<div class="stack">
    <div class="fields wide"><${Choice} label=${role === 'publishable' ? 'Publishable key' : 'Secret key'} value=${key} options=${standIns} onChange=${setChosen} hint=${html`Put the whole key in the place of <code>${key}</code>. Keys are shown once; <a href=${hrefOf('settings', { part: 'keys' })}>make one</a> if you have none at hand.`} /></div>
    ${name === 'browser' && html`<p class="muted">The page’s origin must be allowed first: <a href=${hrefOf('settings', { part: 'installation' })}>which are</a>.</p>`}
    <${Code} label=${`${title}: send an event, ask for a list, send back a click`} text=${write({ url: baseUrl(), key })} />
  </div>`;
}

export default function Connect({ parameters: { part } }) {
  const keys = useAnswer('v1/keys');
  const snippet = SNIPPETS.find(({ name }) => name === part) ?? SNIPPETS[0];
  return html`<${Head} title="Connect" says="Three calls connect a shop: tell what shoppers do, ask what to show them, and say which list a click came of." />
    <div class="stack">
      <${Tail} />
      <${Panel} title="The three calls" says="Run it as it is, then put your own shoppers and items in the place of user-1 and item-1. The third call is what lets you see whether the lists are clicked.">
        <${Tabs} name="Languages" page="connect" parts=${SNIPPETS.map(({ name, title }) => [name, title])} current=${snippet.name} />
        <${Answered} of=${keys}>${({ items }) => html`<${Snippet} key=${snippet.name} snippet=${snippet} keys=${items} />`}<//>
      <//>
    </div>`;
}
