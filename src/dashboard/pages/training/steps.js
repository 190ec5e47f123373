/** What can be done with a version: make it live, go back to it, refuse it. Each asks first, and says what will happen. */
import { html } from '../../lib/preact.js';
import { call } from '../../api.js';
import { useAttempt } from '../../attempt.js';
import { ask, notice } from '../../parts/ask.js';
import { Fault } from '../../parts/states.js';
import { ago, count, duration, moment, percent } from '../../words.js';

const LEAST_MINUTES_S = 60;

/** How much of what happened one version knows and the other does not. */
function describeAge(version, live) {
  const { newestAt, events } = version.trainedOn;
  if (live === undefined || newestAt === null || live.trainedOn.newestAt === null) {
    return newestAt === null ? null : `It learnt from what happened until ${moment(newestAt)}.`;
  }
  const seconds = (Date.parse(live.trainedOn.newestAt) - Date.parse(newestAt)) / 1000;
  const difference = live.trainedOn.events - events;
  const events_ = difference === 0 ? '' : ` (${count(Math.abs(difference), 'event')})`;
  if (Math.abs(seconds) < LEAST_MINUTES_S) {
    return `It learnt from what happened until ${moment(newestAt)}, as version ${live.version} did${difference === 0 ? '' : ` but for ${count(Math.abs(difference), 'event')}`}.`;
  }
  return seconds > 0
    ? `It learnt from what happened until ${moment(newestAt)}: ${duration(seconds)}${events_} less than version ${live.version} knows. Items that came since are in lists only as new or trending ones.`
    : `It learnt from what happened until ${moment(newestAt)}: ${duration(-seconds)}${events_} more than version ${live.version} knows.`;
}

/** @returns what will happen, a line each */
function describeActivation(version, live, settings) {
  const isNew = version.state === 'candidate';
  return [
    `Version ${version.version} answers from then on, at every replica within a second or so: the next list that a shopper is shown is its.`,
    describeAge(version, live),
    !isNew && 'Nothing that shoppers did is lost: each is fitted in again from all their events, the newest too, when they next ask.',
    live !== undefined && `Version ${live.version} is kept, and can be made live again.`,
    isNew && live !== undefined && settings !== null && settings.guard !== 'off' && `${percent(settings.guardShare)} of the shoppers stay on version ${live.version} for ${count(settings.guardHours, 'hour')}; if it turns out clearly worse, ${settings.guard === 'on' ? 'it is rolled back by itself' : 'you are told'}.`,
    settings !== null && (settings.gate.manual ? 'The next training’s version waits for your word.' : 'The next training that passes the gate replaces it. To decide yourself, let new versions wait for your word (Training, “Schedule”).'),
  ].filter(Boolean);
}

const Lines = ({ lines }) => html`<ul class="lines">${lines.map((line) => html`<li>${line}</li>`)}</ul>`;

/** @returns {string} what activating this version is to whoever does it */
export function nameOfActivation(version, live) {
  if (version.state === 'candidate') {
    return 'Approve';
  }
  return live !== undefined && version.version < live.version ? 'Roll back to it' : 'Make it live';
}

/**
 * The buttons of a version; none where nothing can be done with it.
 *
 * @param {{ version: any, live: any, settings: any, onDone: () => Promise<unknown>, isSmall?: boolean }} props `version`, `live`: as `GET /v1/models` has them, the live one if there is one; `settings`: null where they are not known
 */
export function VersionSteps({ version, live, settings, onDone, isSmall = false }) {
  const { error, attempt, isBusy } = useAttempt();
  const { version: no, state, isKept } = version;
  if (state === 'live' || state === 'rejected' || !isKept) {
    return null;
  }
  const name = nameOfActivation(version, live);
  const activate = () => attempt(async () => {
    const title = state === 'candidate' ? `Make version ${no} live?` : name === 'Roll back to it' ? `Roll back to version ${no}?` : `Make version ${no} live again?`;
    if (await ask({ title, says: html`<${Lines} lines=${describeActivation(version, live, settings)} />`, action: state === 'candidate' ? 'Make it live' : name === 'Roll back to it' ? `Roll back to ${no}` : 'Make it live' })) {
      await call('POST', `v1/models/${no}/activate`);
      notice(`Version ${no} is live.`);
      await onDone();
    }
  });
  const reject = () => attempt(async () => {
    const says = ['Its numbers are deleted and cannot be had again; its report stays.', live === undefined ? 'Everybody goes on being shown what is trending.' : `Version ${live.version} stays live, and answers do not change.`];
    if (await ask({ title: `Refuse version ${no}?`, says: html`<${Lines} lines=${says} />`, action: 'Refuse it', danger: true })) {
      await call('POST', `v1/models/${no}/reject`);
      notice(`Version ${no} is refused.`);
      await onDone();
    }
  });
  const size = isSmall ? 'small' : '';
  return html`<div class="row">
    <button type="button" class=${`${size} ${state === 'candidate' ? 'primary' : ''}`} aria-label=${isSmall ? `${name}: version ${no}` : undefined} disabled=${isBusy} onClick=${activate}>${name}</button>
    ${state === 'candidate' && html`<button type="button" class=${`${size} danger`} aria-label=${isSmall ? `Refuse: version ${no}` : undefined} disabled=${isBusy} onClick=${reject}>Refuse</button>`}
    ${error !== null && html`<${Fault} error=${error} />`}
  </div>`;
}

/** When it was live, for its head. */
export function describeLife({ state, activatedAt, createdAt, isKept }) {
  switch (state) {
    case 'live':
      return `Live since ${moment(activatedAt)}`;
    case 'candidate':
      return `Made ${ago(createdAt)}, and waits for your word`;
    case 'retired':
      return `Live last from ${moment(activatedAt)} on${isKept ? '; it can be made live again' : '; its numbers are not kept any more'}`;
    default:
      return `Made ${ago(createdAt)}, and rejected`;
  }
}
