/** Parts of a page that are seen one at a time; each has an address of its own. */
import { html } from '../lib/preact.js';
import { hrefOf } from '../route.js';

/** @param {{ name: string, page: string, parts: [string, string][], current: string }} props `parts`: the parameter `part`, and what it is called */
export function Tabs({ name, page, parts, current }) {
  return html`<nav class="tabs" aria-label=${name}>${parts.map(([part, title]) => html`<a href=${hrefOf(page, { part })} aria-current=${part === current ? 'page' : undefined}>${title}</a>`)}</nav>`;
}
