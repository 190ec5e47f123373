/** What was made and is shown once: it is nowhere else. */
import { html } from '../lib/preact.js';
import { Code } from './code.js';

/** @param children more that can be done now */
export function ShownOnce({ title, text, onClose, children }) {
  return html`<div class="shown-once" role="status"><strong>${title}</strong><p>Copy it now: it is shown this once and kept nowhere.</p><${Code} text=${text} label=${title} />${children}<div class="row"><button type="button" onClick=${onClose}>I have it</button></div></div>`;
}
