/** A shopper: what they did beside what they would be shown. A rating given here counts for the very next list. */
import { html, useCallback, useEffect, useRef, useState } from '../../lib/preact.js';
import { call, inPath, withQuery } from '../../api.js';
import { useAnswer, useSettled } from '../../answers.js';
import { ask, notice } from '../../parts/ask.js';
import { Combo } from '../../parts/combo.js';
import { Panel } from '../../parts/panel.js';
import { Empty, Fault } from '../../parts/states.js';
import { go } from '../../route.js';
import { count } from '../../words.js';
import { useList } from './ask-list.js';
import { History, RatingSelect } from './history.js';
import { PartsLegend, SOURCES } from './list.js';
import { ListPanel } from './list-panel.js';
import { NO_STEERING, Steering, bodyOf } from './steering.js';

const MATCHES = 8;
/** Among so many a random shopper is chosen. */
const RANDOM_AMONG = 1000;
/** Reasons that are asked for at once. */
const AT_ONCE = 4;

function Picker({ user, onPick }) {
  const [text, setText] = useState(user ?? '');
  const settled = useSettled(text);
  const found = useAnswer(withQuery('v1/users', { q: settled, limit: MATCHES }));
  useEffect(() => setText(user ?? ''), [user]);
  const pickRandom = async () => {
    const { items } = await call('GET', `v1/users?limit=${RANDOM_AMONG}`);
    if (items.length > 0) {
      onPick(items[Math.floor(Math.random() * items.length)].userId);
    }
  };
  const options = (found.answer?.items ?? []).map(({ userId }) => ({ key: userId, text: userId }));
  const submit = (event) => {
    event.preventDefault();
    if (text.trim() !== '') {
      onPick(text.trim());
    }
  };
  return html`<form class="picker" onSubmit=${submit}>
    <${Combo} label="Shopper" value=${text} placeholder="part of an id" options=${options} onInput=${setText} onPick=${({ key }) => onPick(key)} />
    <button class="primary">Show</button>
    <button type="button" onClick=${pickRandom}>Random</button>
    <button type="button" onClick=${() => onPick(`new-shopper-${Date.now().toString(36)}`)} title="Somebody of whom nothing is known">New</button>
  </form>`;
}

/**
 * What each score is made of, asked for item by item; known until the shopper does something else.
 *
 * @param itemIds of a list's own source: nothing else has parts
 * @param generation changes when what is known does not hold any more
 */
function useParts(user, itemIds, generation) {
  const [known, setKnown] = useState({});
  const explain = useCallback((itemId) => call('GET', `v1/users/${inPath(user)}/recommendations/${inPath(itemId)}/reasons`), [user]);
  const kept = known.user === user && known.generation === generation ? known.parts : {};
  const missing = itemIds.filter((itemId) => kept[itemId] === undefined);
  useEffect(() => {
    let isWanted = true;
    const queue = [...missing];
    const parts = { ...kept };
    const work = async () => {
      for (let itemId = queue.shift(); itemId !== undefined && isWanted; itemId = queue.shift()) {
        // Where the shopper's events could not be read in time there is nothing to tell: the item stays without a bar.
        parts[itemId] = await explain(itemId).then((answer) => answer.parts, () => undefined);
      }
    };
    if (missing.length > 0) {
      void Promise.all(Array.from({ length: AT_ONCE }, work)).then(() => isWanted && setKnown({ user, generation, parts }));
    }
    return () => {
      isWanted = false;
    };
  }, [user, generation, missing.join('\n')]);
  return [(itemId) => kept[itemId], explain];
}

function describeList({ source, modelVersion, stale }) {
  const [, says] = SOURCES[source] ?? [source, source];
  return `${source === 'trending' ? 'Little is known of this shopper, so this is what everybody is shown: trending.' : `${says[0].toUpperCase()}${says.slice(1)}.`}${modelVersion === null ? ' No model is live yet.' : ` Model ${modelVersion}.`}${stale ? ' The newest events could not be read: this is from memory.' : ''}`;
}

/** Whether somebody has said yes once, since this page was loaded. */
let mayStore = false;

function ShopperLists({ user, catalogue }) {
  const [steering, setSteering] = useState(NO_STEERING);
  const [generation, setGeneration] = useState(0);
  const [fault, setFault] = useState(null);
  const isDemo = useAnswer('v1/overview').answer?.isDemo ?? false;
  const types = useAnswer('v1/event-types').answer?.items ?? [];
  const history = useAnswer(`v1/users/${inPath(user)}/events?limit=50`);
  const question = useList(`v1/users/${inPath(user)}/recommendations`, bodyOf(steering));
  const { list, reload } = question;
  const own = list?.source === 'personal' ? list.items.filter(({ source }) => source === undefined || source === 'personal').map(({ itemId }) => itemId) : [];
  const [partsOf, explain] = useParts(user, own, generation);
  const ratingType = types.find(({ name }) => name === 'rating');

  const rate = async (item, value) => {
    setFault(null);
    const says = `It is stored as a rating of ${user}, as if your shop had sent it, counts for their next list, and for others after the next training. It can be taken back the same way.`;
    if (!isDemo && !mayStore && !(mayStore = await ask({ title: 'Store a rating of this shopper?', says, action: 'Store it' }))) {
      return false;
    }
    const path = `v1/users/${inPath(user)}/ratings/${inPath(item.itemId)}`;
    try {
      await (value === null ? call('DELETE', path) : call('PUT', path, { value }));
    } catch (refusal) {
      setFault(refusal);
      return false;
    }
    notice(value === null ? `The rating of ${item.title ?? item.itemId} is taken back.` : `${item.title ?? item.itemId} is rated ${value}: the list is another one now.`);
    setGeneration((former) => former + 1);
    await Promise.all([reload(), history.reload()]);
    return true;
  };
  const ratings = ratingsOf(history.answer?.items ?? []);
  const select = (item) => ratingType && html`<${RatingSelect} item=${item} value=${ratings.get(item.itemId) ?? null} threshold=${ratingType.threshold} onRate=${(value) => rate(item, value)} />`;
  return html`<div class="try">
    <${Steering} steering=${steering} onChange=${setSteering} error=${question.error} catalogue=${catalogue} hasSeen />
    <${ListPanel} title="Would be shown" says=${list === null ? undefined : describeList(list)} end=${list?.source === 'personal' && html`<${PartsLegend} />`} question=${question} items=${{ name: `Recommendations for ${user}`, partsOf, explain, action: select }}>
      ${fault !== null && html`<${Fault} error=${fault} />`}
    <//>
    <${Panel} title="What they did" class="history" says=${history.answer === null ? undefined : `The newest ${count(history.answer.items.length, 'event')}${history.answer.nextCursor === undefined ? ', and all there are' : ''}. A rating given here changes the list at once${ratingType?.threshold ? `: from ${ratingType.threshold} on the item pleased, below it did not` : ''}.`}>
      <${History} of=${history} user=${user} select=${select} />
    <//>
  </div>`;
}

/** The rating that counts, of each item: the newest by when it was given. */
function ratingsOf(events) {
  const newest = new Map();
  for (const event of events) {
    const former = newest.get(event.itemId);
    if (event.type === 'rating' && (former === undefined || event.occurredAt > former.occurredAt)) {
      newest.set(event.itemId, event);
    }
  }
  return new Map([...newest].filter(([, { value }]) => value !== null).map(([itemId, { value }]) => [itemId, value]));
}

export function Shopper({ parameters: { user }, catalogue }) {
  const users = useAnswer(user === undefined ? 'v1/users?limit=1' : null);
  const isFirst = useRef(true);
  const pick = (userId) => go('try', { kind: 'shopper', user: userId });
  useEffect(() => {
    // Whoever comes without a name sees somebody at once.
    const first = users.answer?.items.at(0)?.userId;
    if (isFirst.current && user === undefined && first !== undefined) {
      isFirst.current = false;
      go('try', { kind: 'shopper', user: first }, true);
    }
  }, [users.answer, user]);
  return html`<div class="stack">
    <${Panel}><${Picker} user=${user} onPick=${pick} /><//>
    ${user === undefined ? users.answer?.items.length === 0 && html`<${Empty} title="There is no shopper yet" says="Send an event, or import a file: whoever did something can be picked here. “New” shows what somebody unknown is shown." />` : html`<${ShopperLists} key=${user} user=${user} catalogue=${catalogue} />`}
  </div>`;
}
