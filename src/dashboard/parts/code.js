/** Text to be copied: a command, a key that is shown once. */
import { html, useState } from '../lib/preact.js';

/** @param text exactly what is copied */
export function Code({ text, label }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  // Browsers lend the clipboard to pages of https and of this machine alone; elsewhere text is selected by hand.
  const canCopy = navigator.clipboard !== undefined;
  return html`<div class=${`code ${canCopy ? 'copies' : ''}`}><pre tabindex="0" aria-label=${label}><code>${text}</code></pre>${canCopy && html`<button type="button" class="small" onClick=${copy}>${copied ? 'Copied' : 'Copy'}</button>`}</div>`;
}
