/** Events as they arrive. */
import { html, useEffect, useState } from '../../lib/preact.js';
import { call, withQuery } from '../../api.js';
import { Panel, Tag } from '../../parts/panel.js';
import { Fault } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { ago, count, number, time } from '../../words.js';

const EVERY_MS = 1500;
const MOST_SHOWN = 20;
const PAGE = 1000;

/** What has arrived since it was first drawn; while the page is hidden nothing is asked for. */
function useTail() {
  const [tail, setTail] = useState({ before: undefined, arrived: [], total: 0, error: null });
  useEffect(() => {
    let timer;
    let isOver = false;
    let cursor;
    const look = async () => {
      if (!document.hidden) {
        try {
          const isFirst = cursor === undefined;
          const { items, nextCursor } = await call('GET', withQuery('v1/events', { after: cursor, limit: isFirst ? 1 : PAGE }));
          cursor = nextCursor;
          if (isOver) {
            return;
          }
          setTail((former) => (isFirst
            ? { ...former, before: items.at(-1) ?? null, error: null }
            : { ...former, arrived: [...items.toReversed(), ...former.arrived].slice(0, MOST_SHOWN), total: former.total + items.length, error: null }));
        } catch (error) {
          setTail((former) => ({ ...former, error }));
        }
      }
      if (!isOver) {
        timer = setTimeout(look, EVERY_MS);
      }
    };
    void look();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, []);
  return tail;
}

export function Tail() {
  const { before, arrived, total, error } = useTail();
  const columns = [
    { title: 'Received', cell: ({ receivedAt }) => time(receivedAt) },
    { title: 'Type', isHead: true, cell: ({ type }) => html`<code class="whole">${type}</code>` },
    { title: 'Shopper', cell: ({ userId }) => userId },
    { title: 'Item', cell: ({ itemId }) => itemId },
    { title: 'Value', isNumber: true, cell: ({ value }) => number(value) },
    { title: 'Quantity', isNumber: true, cell: ({ quantity }) => number(quantity) },
    { title: 'Price', isNumber: true, cell: ({ price }) => number(price) },
  ];
  const isThere = total > 0;
  return html`<${Panel} title="What arrives" says="Events as they are stored, the newest first. It looks every moment, while this page is open." class=${isThere ? 'tail there fades' : 'tail fades'} end=${html`<${Tag} tone=${isThere ? 'good' : 'warn'}>${isThere ? `${count(total, 'event')} since you came here` : 'waiting for the first'}<//>`}>
    ${error !== null && html`<${Fault} error=${error} />`}
    <div role="status">${isThere ? html`<p class="good"><strong>It works.</strong> Your shop’s events arrive here.</p>` : html`<p class="muted">${before === undefined ? 'Looking …' : before === null ? 'Nothing has ever arrived. Run one of the examples, and the first event shows up here.' : `The newest before came ${ago(before.receivedAt)}: a ${before.type} of ${before.itemId} by ${before.userId}.`}</p>`}</div>
    ${isThere && html`<${Table} name="Events that arrived" columns=${columns} rows=${arrived} keyOf=${({ eventNo }) => eventNo} />`}
  <//>`;
}
