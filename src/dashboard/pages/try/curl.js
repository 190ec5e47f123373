/** The very question, for a terminal. */
import { html } from '../../lib/preact.js';
import { baseUrl } from '../../api.js';
import { Code } from '../../parts/code.js';

const shellQuoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** @returns a command for a POSIX shell; the key is read from a variable, since commands are kept in histories */
export function curlOf({ path, body }) {
  return `curl -X POST ${shellQuoted(`${baseUrl()}/${path}`)} \\\n  -H "Authorization: Bearer $KEY" \\\n  -H 'Content-Type: application/json' \\\n  -d ${shellQuoted(JSON.stringify(body))}`;
}

export function Curl({ asked }) {
  return html`<details class="curl"><summary>Ask for this list from a terminal</summary><div class="stack"><p class="muted">With a secret key: <code>KEY=$(jongleur keys secret)</code>, or the one your shop has. <code>preview</code> says that no shopper is shown the list, so that it is not counted: your shop leaves it out.</p><${Code} text=${curlOf(asked)} label="Command" /></div></details>`;
}
