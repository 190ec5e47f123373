/** A page's head, and a piece of it with a title of its own. */
import { html } from '../lib/preact.js';

/** @param says one sentence of what the page tells; children: what can be done from here */
export function Head({ title, says, children }) {
  return html`<header class="head"><div><h1>${title}</h1>${says && html`<p>${says}</p>`}</div>${children && html`<div class="row">${children}</div>`}</header>`;
}

/** @param says what it shows, for somebody who does not know the word in the title; end: beside the title */
export function Panel({ title, says, end, children, class: more = '' }) {
  return html`<section class=${`panel ${more}`}>
    ${title && html`<header><div><h2>${title}</h2>${end}</div>${says && html`<p>${says}</p>`}</header>`}
    ${children}
  </section>`;
}

/** @param tone good, warn, bad, accent or nothing */
export function Tag({ tone = '', title, children }) {
  return html`<span class=${`tag ${tone}`} title=${title}>${children}</span>`;
}
