/** Secrets with which the shop signs shoppers' tokens. */
import { html, useState } from '../../lib/preact.js';
import { call, inPath } from '../../api.js';
import { useAnswer } from '../../answers.js';
import { useAttempt } from '../../attempt.js';
import { ask, notice } from '../../parts/ask.js';
import { Panel } from '../../parts/panel.js';
import { ShownOnce } from '../../parts/shown-once.js';
import { Answered, Empty, Fault } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { ago, moment } from '../../words.js';

export function TokenSecrets() {
  const secrets = useAnswer('v1/token-secrets');
  const [made, setMade] = useState(null);
  const { error, isBusy, attempt } = useAttempt();
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
    { title: 'kid', isHead: true, cell: ({ kid }) => html`<code class="whole">${kid}</code>` },
    { title: 'Made', cell: ({ createdAt }) => moment(createdAt) },
    { title: 'Last used', cell: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : ago(lastUsedAt)) },
    { title: '', label: 'What can be done', cell: (secret) => html`<button type="button" class="small danger" aria-label=${`Delete ${secret.kid}`} onClick=${() => remove(secret)}>Delete</button>` },
  ];
  return html`<${Panel} title="Secrets for shopper tokens" says="With one of these your shop signs who a shopper is, so that their page may ask for their lists. Two at most, so that one can be changed for another.">
    ${error !== null && html`<${Fault} error=${error} />`}
    ${made !== null && html`<${ShownOnce} title=${`Secret of ${made.kid}`} text=${made.secret} onClose=${() => setMade(null)} />`}
    <${Answered} of=${secrets}>${({ items }) => (items.length === 0 ? html`<${Empty} title="None yet" says="Tokens that POST /v1/tokens makes need none." />` : html`<${Table} name="Secrets for shopper tokens" columns=${columns} rows=${items} keyOf=${({ kid }) => kid} />`)}<//>
    <div><button type="button" disabled=${isBusy} onClick=${make}>Make a secret</button></div>
  <//>`;
}
