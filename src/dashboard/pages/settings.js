/** Keys, and secrets that sign shopper tokens. */
import { html, useState } from '../lib/preact.js';
import { call, inPath } from '../api.js';
import { useAnswer } from '../answers.js';
import { useAttempt } from '../attempts.js';
import { ask, notice } from '../parts/ask.js';
import { Code } from '../parts/code.js';
import { Choice, Field } from '../parts/field.js';
import { Head, Panel, Tag } from '../parts/panel.js';
import { Answered, Empty, Fault } from '../parts/states.js';
import { Table } from '../parts/table.js';
import { ago, moment } from '../words.js';

const ROLES = [['publishable', 'publishable: for web pages'], ['secret', 'secret: for the shop’s servers'], ['admin', 'admin: for people who run this']];

/** What was made is shown once: it is nowhere else. */
function ShownOnce({ title, text, onClose }) {
  return html`<div class="shown-once" role="status"><strong>${title}</strong><p>Copy it now: it is shown this once and kept nowhere.</p><${Code} text=${text} label=${title} /><div><button type="button" onClick=${onClose}>I have it</button></div></div>`;
}

function Keys() {
  const keys = useAnswer('v1/keys');
  const [role, setRole] = useState('publishable');
  const [name, setName] = useState('');
  const [made, setMade] = useState(null);
  const [error, attempt] = useAttempt();
  const make = (event) => {
    event.preventDefault();
    void attempt(async () => {
      setMade(await call('POST', 'v1/keys', { role, name }));
      setName('');
      await keys.reload();
    });
  };
  const revoke = (key) => attempt(async () => {
    if (await ask({ title: `Revoke key ${key.no}?`, says: `“${key.name}” (${key.hint}…) opens nothing from then on, at once and for ever. Whatever still sends it is refused.`, action: 'Revoke it', danger: true })) {
      await call('DELETE', `v1/keys/${key.no}`);
      notice(`Key ${key.no} is revoked.`);
      await keys.reload();
    }
  });
  const columns = [
    { title: 'No', isNumber: true, cell: ({ no }) => no },
    { title: 'Name', isHead: true, cell: ({ name }) => name },
    { title: 'Role', cell: ({ role }) => role },
    { title: 'Begins with', cell: ({ hint }) => html`<code>${hint}…</code>` },
    { title: 'Made', cell: ({ createdAt }) => moment(createdAt) },
    { title: 'Last used', cell: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : ago(lastUsedAt)) },
    {
      title: '', label: 'What can be done',
      cell: (key) => html`${key.revokedAt === null ? html`<button type="button" class="small danger" aria-label=${`Revoke key ${key.no}`} onClick=${() => revoke(key)}>Revoke</button>` : html`<${Tag}>revoked ${ago(key.revokedAt)}<//>`}
        ${key.refusedOrigin !== null && html`<p class="bad">Sent by a page of ${key.refusedOrigin} ${ago(key.refusedAt)}, and refused: whoever looks at that page has it. Revoke it.</p>`}`,
    },
  ];
  return html`<${Panel} title="Keys" says="Who may call the service. Publishable keys may be in web pages; secret and admin keys never leave your servers.">
    ${error !== null && html`<${Fault} error=${error} />`}
    ${made !== null && html`<${ShownOnce} title=${`Key ${made.no}, ${made.role}`} text=${made.key} onClose=${() => setMade(null)} />`}
    <${Answered} of=${keys}>${({ items }) => (items.length === 0 ? html`<${Empty} title="No keys but those of the environment" says="JONGLEUR_ADMIN_KEY and its like are not in this list, and cannot be revoked here." />` : html`<${Table} name="Keys" columns=${columns} rows=${items} keyOf=${({ no }) => no} classOf=${({ revokedAt }) => (revokedAt === null ? '' : 'faded')} />`)}<//>
    <form class="row ends" onSubmit=${make}>
      <${Choice} label="Role" value=${role} options=${ROLES} onChange=${setRole} />
      <${Field} label="Name">${(attributes) => html`<input ...${attributes} maxlength="100" required value=${name} placeholder="who will use it" onInput=${(event) => setName(event.currentTarget.value)} />`}<//>
      <button class="primary">Make a key</button>
    </form>
  <//>`;
}

function TokenSecrets() {
  const secrets = useAnswer('v1/token-secrets');
  const [made, setMade] = useState(null);
  const [error, attempt] = useAttempt();
  const make = () => attempt(async () => {
    setMade(await call('POST', 'v1/token-secrets'));
    await secrets.reload();
  });
  const remove = ({ kid }) => attempt(async () => {
    if (await ask({ title: `Delete ${kid}?`, says: 'Tokens that were signed with it are good for nothing from then on, at once: pages that still send one are refused until they get a new one.', action: 'Delete it', danger: true })) {
      await call('DELETE', `v1/token-secrets/${inPath(kid)}`);
      notice(`${kid} is deleted.`);
      await secrets.reload();
    }
  });
  const columns = [
    { title: 'kid', isHead: true, cell: ({ kid }) => html`<code>${kid}</code>` },
    { title: 'Made', cell: ({ createdAt }) => moment(createdAt) },
    { title: 'Last used', cell: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : ago(lastUsedAt)) },
    { title: '', label: 'What can be done', cell: (secret) => html`<button type="button" class="small danger" aria-label=${`Delete ${secret.kid}`} onClick=${() => remove(secret)}>Delete</button>` },
  ];
  return html`<${Panel} title="Secrets for shopper tokens" says="With one of these your shop signs who a shopper is, so that their page may ask for their lists. Two at most, so that one can be changed for another.">
    ${error !== null && html`<${Fault} error=${error} />`}
    ${made !== null && html`<${ShownOnce} title=${`Secret of ${made.kid}`} text=${made.secret} onClose=${() => setMade(null)} />`}
    <${Answered} of=${secrets}>${({ items }) => (items.length === 0 ? html`<${Empty} title="None yet" says="Tokens that POST /v1/tokens makes need none." />` : html`<${Table} name="Secrets for shopper tokens" columns=${columns} rows=${items} keyOf=${({ kid }) => kid} />`)}<//>
    <div><button type="button" onClick=${make}>Make a secret</button></div>
  <//>`;
}

export default function Settings() {
  return html`<${Head} title="Settings" says="Who may call the service." /><div class="stack"><${Keys} /><${TokenSecrets} /></div>`;
}
