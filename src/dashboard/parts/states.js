/** What stands where an answer will stand: it is on its way, there is nothing, it could not be had, it may not be seen. */
import { html } from '../lib/preact.js';

export function Loading({ what = 'Loading' }) {
  return html`<p class="loading" role="status">${what} …</p>`;
}

/** @param says what it means and what to do about it; children: a way there */
export function Empty({ title, says, children }) {
  return html`<div class="empty"><strong>${title}</strong>${says && html`<p>${says}</p>`}${children}</div>`;
}

export function NoPermission() {
  return html`<div class="fault mild"><strong>This needs an admin key.</strong><p>The key that this session began with may not see it. Log out, and log in with an admin key: <code>jongleur keys admin</code> prints one.</p></div>`;
}

/** @param {{ error: import('../api.js').Refusal, again?: () => void }} props */
export function Fault({ error, again }) {
  if (error.status === 403) {
    return html`<${NoPermission} />`;
  }
  return html`<div class="fault" role="alert">
    <strong>${error.detail || error.message}</strong>
    ${error.remedy && html`<p>${error.remedy}</p>`}
    ${again && html`<button type="button" class="small" onClick=${again}>Try again</button>`}
  </div>`;
}

/**
 * Draws what `useAnswer` gave, whichever it is.
 *
 * @param of what `useAnswer` returned
 * @param children a function of the answer
 * @param whenMissing drawn in place of a 404, where that is nothing out of the ordinary
 */
export function Answered({ of: { answer, error, loading, reload }, what, whenMissing, children }) {
  if (loading) {
    return html`<${Loading} what=${what} />`;
  }
  if (answer === null) {
    if (error === null) {
      return null;
    }
    return error.status === 404 && whenMissing !== undefined ? whenMissing : html`<${Fault} error=${error} again=${reload} />`;
  }
  return html`${error !== null && html`<${Fault} error=${error} again=${reload} />`}${children(answer)}`;
}
