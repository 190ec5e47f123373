/** What the environment said at the start. */
import { html } from '../../lib/preact.js';
import { useAnswer } from '../../answers.js';
import { Code } from '../../parts/code.js';
import { Panel } from '../../parts/panel.js';
import { Answered, Empty } from '../../parts/states.js';
import { count } from '../../words.js';

const HOW = 'In the environment of the service, before it starts:';

export function Installation() {
  const installation = useAnswer('v1/installation');
  return html`<${Answered} of=${installation}>${({ publicUrl, corsOrigins, eventsRetentionDays, version }) => html`
    <${Panel} title="Web pages that may call" says="A browser lets a page of your shop talk to this service only if its origin (https, host and port) is named here. Such a page sends a publishable key.">
      ${corsOrigins.length === 0 ? html`<${Empty} title="No other origin may" says="Only pages that this server itself serves can call it from a browser. Your shop’s servers are not affected." />` : html`<ul class="plain-list">${corsOrigins.map((origin) => html`<li><code>${origin}</code></li>`)}</ul>`}
      <p class="muted">${HOW}</p>
      <${Code} label="How to allow origins" text=${`CORS_ORIGINS=${corsOrigins.length === 0 ? 'https://shop.example' : `${corsOrigins.join(',')},https://another.example`} npm start`} />
    <//>
    <${Panel} title="How long events stay" says="Older events are deleted, and the next training no longer knows them. What counts is when an event was received, so an import of old data stays as long as new data.">
      <p>${eventsRetentionDays === 0 ? html`<strong>For ever.</strong> No event is deleted by its age.` : html`<strong>${count(eventsRetentionDays, 'day')}.</strong> Events received before that are deleted, in small steps, all the time.`}</p>
      <p class="muted">${HOW}</p>
      <${Code} label="How to set the retention" text=${`EVENTS_RETENTION_DAYS=${eventsRetentionDays === 0 ? 730 : eventsRetentionDays} npm start`} />
    <//>
    <${Panel} title="This installation">
      <dl class="facts"><dt>Version</dt><dd>${version}</dd><dt>Public address</dt><dd>${publicUrl === null ? html`wherever a request comes to (<code>PUBLIC_URL</code> is not set)` : html`<code>${publicUrl}</code>`}</dd></dl>
    <//>`}<//>`;
}
