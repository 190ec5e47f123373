/** What would somebody be shown, and why? A shopper, an item's page, or somebody without a name; with everything that can steer a list within reach. */
import { html, useMemo } from '../lib/preact.js';
import { useAnswer } from '../answers.js';
import { valuesOf } from '../filter-completion.js';
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

/** Items whose values completion offers. */
const SAMPLE = 200;

/** What all kinds need to know of the catalogue and of stored steering. */
function useCatalogue() {
  const schema = useAnswer('v1/items/schema').answer;
  const sample = useAnswer(`v1/items?limit=${SAMPLE}`).answer;
  const scenarios = useAnswer('v1/scenarios').answer;
  return useMemo(() => ({ schema, values: valuesOf(sample?.items ?? []), scenarios: scenarios?.items ?? [] }), [schema, sample, scenarios]);
}

/** @param parameters `kind`: shopper, item or session; `user`: whose list; `item`: of whose page, or that a session begins with */
export default function TryIt({ parameters }) {
  const catalogue = useCatalogue();
  const { Kind, name } = KINDS.find(({ name }) => name === parameters.kind) ?? KINDS[0];
  return html`<${Head} title="Try it" says="What somebody would be shown right now, and why. Everything here goes through the API that your shop calls." />
    <nav class="tabs" aria-label="Whose list">${KINDS.map((kind) => html`<a href=${hrefOf('try', { kind: kind.name })} aria-current=${kind.name === name ? 'page' : undefined}>${kind.title}</a>`)}</nav>
    <${Kind} parameters=${parameters} catalogue=${catalogue} />`;
}
