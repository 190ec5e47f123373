/** Keys: make one, change it for another, revoke it. */
import { html, useState } from '../../lib/preact.js';
import { call } from '../../api.js';
import { useAnswer } from '../../answers.js';
import { unplaced, useAttempt, wrongOf } from '../../attempt.js';
import { ask, notice } from '../../parts/ask.js';
import { Choice } from '../../parts/field.js';
import { Input } from '../../parts/input.js';
import { Panel, Tag } from '../../parts/panel.js';
import { ShownOnce } from '../../parts/shown-once.js';
import { Answered, Empty, Fault } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { ago, moment } from '../../words.js';

const ROLES = [['publishable', 'publishable: for web pages'], ['secret', 'secret: for the shop’s servers'], ['admin', 'admin: for people who run this']];

export function Keys() {
  const keys = useAnswer('v1/keys');
  const [role, setRole] = useState('publishable');
  const [name, setName] = useState('');
  const [made, setMade] = useState(null);
  const { error, isBusy, attempt } = useAttempt();
  const make = (event) => {
    event.preventDefault();
    void attempt(async () => {
      setMade(await call('POST', 'v1/keys', { role, name }));
      setName('');
      await keys.reload();
    });
  };
  const rotate = (key) => attempt(async () => {
    if (await ask({ title: `Change key ${key.no} for a new one?`, says: `A second ${key.role} key “${key.name}” is made and shown once. Both open the same doors until you revoke key ${key.no}, so nothing breaks while you put the new one where the old one is.`, action: 'Make the new key' })) {
      setMade({ ...(await call('POST', 'v1/keys', { role: key.role, name: key.name })), instead: key });
      await keys.reload();
    }
  });
  const revoke = (key) => attempt(async () => {
    if (await ask({ title: `Revoke key ${key.no}?`, says: `“${key.name}” (${key.hint}…) opens nothing from then on, at once and for ever. Whatever still sends it is refused.${key.lastUsedAt === null ? '' : ` It was last used ${ago(key.lastUsedAt)}.`}`, action: 'Revoke it', danger: true })) {
      await call('DELETE', `v1/keys/${key.no}`);
      notice(`Key ${key.no} is revoked.`);
      setMade((former) => (former?.instead?.no === key.no ? { ...former, instead: undefined } : former));
      await keys.reload();
    }
  });
  const columns = [
    { title: 'No', isNumber: true, cell: ({ no }) => no },
    { title: 'Name', isHead: true, cell: ({ name }) => name },
    { title: 'Role', cell: ({ role }) => role },
    { title: 'Begins with', cell: ({ hint }) => html`<code class="whole">${hint}…</code>` },
    { title: 'Made', cell: ({ createdAt }) => moment(createdAt) },
    { title: 'Last used', cell: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : ago(lastUsedAt)) },
    {
      title: '', label: 'What can be done',
      cell: (key) => (key.revokedAt === null
        ? html`<span class="row tight"><button type="button" class="small" aria-label=${`Rotate key ${key.no}`} onClick=${() => rotate(key)}>Rotate</button><button type="button" class="small danger" aria-label=${`Revoke key ${key.no}`} onClick=${() => revoke(key)}>Revoke</button></span>`
        : html`<${Tag}>revoked ${ago(key.revokedAt)}<//>`),
    },
  ];
  const leaked = (keys.answer?.items ?? []).filter(({ refusedOrigin, revokedAt }) => refusedOrigin !== null && revokedAt === null);
  return html`<${Panel} title="Keys" says="Publishable keys may be in web pages: they say which shop it is, never who. Secret and admin keys open everything and never leave your servers.">
    ${leaked.map((key) => html`<div class="fault" role="alert"><strong>Key ${key.no} “${key.name}” is in a web page.</strong><p>${key.refusedOrigin === 'null' ? 'A page without an address of its own (a file, or a frame that is shut in)' : `A page of ${key.refusedOrigin}`} sent it ${ago(key.refusedAt)}, and was refused: whoever looks at that page can read it. Rotate it, put the new one on your server alone, and revoke it.</p></div>`)}
    ${unplaced(error, ['name']) !== null && html`<${Fault} error=${error} />`}
    ${made !== null && html`<${ShownOnce} title=${`Key ${made.no}, ${made.role}`} text=${made.key} onClose=${() => setMade(null)}>
      ${made.instead !== undefined && html`<p>When everything sends the new one: <button type="button" class="small danger" onClick=${() => revoke(made.instead)}>Revoke the old key ${made.instead.no}</button></p>`}<//>`}
    <${Answered} of=${keys}>${({ items }) => (items.length === 0 ? html`<${Empty} title="No keys but those of the environment" says="JONGLEUR_ADMIN_KEY and its like are not in this list, and cannot be revoked here." />` : html`<${Table} name="Keys" columns=${columns} rows=${items} keyOf=${({ no }) => no} classOf=${({ revokedAt }) => (revokedAt === null ? '' : 'faded')} />`)}<//>
    <form class="fields" onSubmit=${make} noValidate>
      <${Choice} label="Role" value=${role} options=${ROLES} onChange=${setRole} />
      <${Input} label="Name" maxlength="100" value=${name} placeholder="who will use it" wrong=${wrongOf(error, 'name')} onChange=${setName} />
      <div class="field submit"><button class="primary" disabled=${isBusy}>Make a key</button></div>
    </form>
  <//>`;
}
