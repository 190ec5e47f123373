/** What would somebody be shown, and why? A shopper, an item's page, or somebody without a name; with everything that can steer a list within reach. */
import { html } from '../lib/preact.js';
import { useAnswer } from '../answers.js';
import { useCatalogue } from '../catalogue.js';
import { Head } from '../parts/panel.js';
import { hrefOf } from '../route.js';
import { Session } from './try/session.js';
import { Shopper } from './try/shopper.js';
import { SimilarItems } from './try/similar-items.js';

const KINDS = [
  { name: 'shopper', title: 'A shopper', Kind: Shopper },
  { name: 'item', title: 'Similar items', Kind: SimilarItems },
  { name: 'session', title: 'A session', Kind: Session },
];

/** @param parameters `kind`: shopper, item or session; `user`: whose list; `item`: of whose page, or that a session begins with */
export default function TryIt({ parameters }) {
  const scenarios = useAnswer('v1/scenarios').answer?.items ?? [];
  const catalogue = { ...useCatalogue(), scenarios };
  const { Kind, name } = KINDS.find(({ name }) => name === parameters.kind) ?? KINDS[0];
  return html`<${Head} title="Try it" says="What somebody would be shown right now, and why. Everything here goes through the API that your shop calls; as no shopper sees these lists, they are not counted." />
    <nav class="tabs" aria-label="Whose list">${KINDS.map((kind) => html`<a href=${hrefOf('try', { kind: kind.name })} aria-current=${kind.name === name ? 'page' : undefined}>${kind.title}</a>`)}</nav>
    <${Kind} parameters=${parameters} catalogue=${catalogue} />`;
}
