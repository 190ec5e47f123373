/** An import as it goes, and what became of it: rows kept aside, the way back. */
import { html, useEffect, useState } from '../../lib/preact.js';
import { call, follow } from '../../api.js';
import { useAnswer } from '../../answers.js';
import { ask, notice } from '../../parts/ask.js';
import { Figure, Figures } from '../../parts/figure.js';
import { Panel, Tag } from '../../parts/panel.js';
import { Answered, Fault } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { count, duration, number, percent } from '../../words.js';
import { describeState } from './states.js';

const SHOWN = 50;

function Progress({ now: { rowsRead, rowsImported, progress, rowsPerSecond, secondsLeft } }) {
  return html`<div class="stack">
    <progress max="1" value=${progress} aria-label="How far it is"></progress>
    <p class="muted" role="status">${percent(progress, 2)}: ${number(rowsRead)} rows read, ${number(rowsImported)} stored, ${number(rowsPerSecond)} rows a second${secondsLeft === null ? '' : `, about ${duration(secondsLeft)} left`}.</p>
  </div>`;
}

function Quarantine({ no, kept }) {
  const answer = useAnswer(`v1/imports/${no}/quarantine?limit=${SHOWN}`);
  return html`<div class="stack">
    <div class="row"><h3>Rows kept aside</h3><a class="button" href=${`v1/imports/${no}/errors`} download>Download them</a></div>
    <p class="muted">Mend them in the file and import it as it is: the columns <code>_line</code> and <code>_reason</code> at its end are not looked at.</p>
    <${Answered} of=${answer}>${({ items }) => html`
      <${Table} name="Rows kept aside" rows=${items} keyOf=${({ line }) => line} columns=${[
        { title: 'Line', isNumber: true, cell: ({ line }) => number(line) },
        { title: 'Why', isHead: true, cell: ({ reason }) => reason },
        { title: 'The row', cell: ({ text }) => html`<code class="raw">${text}</code>` },
      ]} />
      ${kept > items.length && html`<p class="muted">The first ${number(items.length)} of ${number(kept)}; the file has all.</p>`}`}<//>
  </div>`;
}

export function Job({ no, onEnded }) {
  const record = useAnswer(`v1/imports/${no}`);
  const [now, setNow] = useState(null);
  const [error, setError] = useState(null);
  const isRunning = record.answer?.state === 'running';
  useEffect(() => {
    if (!isRunning) {
      return undefined;
    }
    return follow(`v1/imports/${no}/progress`, {
      progress: setNow,
      end: () => {
        void record.reload();
        onEnded();
      },
    });
  }, [isRunning]);

  const attempt = async (work) => {
    setError(null);
    try {
      await work();
      await record.reload();
      onEnded();
    } catch (refusal) {
      setError(refusal);
    }
  };
  const undo = ({ rowsImported, source }) => attempt(async () => {
    if (await ask({ title: 'Undo this import?', says: `The ${number(rowsImported)} events that ${source} brought are deleted. Shoppers and items stay, and so do events that came another way. The next training goes without them.`, action: 'Undo it', danger: true })) {
      const { eventsDeleted } = await call('DELETE', `v1/imports/${no}`);
      notice(`${count(eventsDeleted, 'event')} of import ${no} ${eventsDeleted === 1 ? 'is' : 'are'} gone.`);
    }
  });
  const cancel = () => attempt(async () => {
    if (await ask({ title: 'Cancel this import?', says: 'It ends within a moment. What is stored by then stays, until you undo the import.', action: 'Cancel it' })) {
      await call('POST', `v1/imports/${no}/cancel`);
    }
  });
  return html`<${Answered} of=${record}>${(job) => {
    const [words, tone] = describeState(job.state);
    const isUndoable = job.kind === 'events' && job.state !== 'running' && job.state !== 'undone' && job.rowsImported > 0;
    const { state, message, rowsRead, rowsImported, rowsDuplicate, rowsQuarantined, skipped } = job;
    return html`<${Panel} title=${`Import ${no}: ${job.source}`} end=${html`<${Tag} tone=${tone}>${words}<//>`}>
      ${error !== null && html`<${Fault} error=${error} />`}
      ${message !== null && html`<p class="banner plain">${message}</p>`}
      ${state === 'running'
        ? html`<${Progress} now=${now ?? { ...job, rowsPerSecond: 0, secondsLeft: null }} /><div><button type="button" onClick=${cancel}>Cancel</button></div>`
        : html`<${Figures} label="What became of the rows">
          <${Figure} name="Rows read" value=${number(rowsRead)} />
          <${Figure} name="Stored" value=${number(rowsImported)} note=${state === 'undone' ? 'and taken back again' : undefined} />
          <${Figure} name="Known already" value=${number(rowsDuplicate)} note="stored before, and left as they are" />
          <${Figure} name="Kept aside" value=${number(rowsQuarantined)} tone=${rowsQuarantined > 0 ? 'warn' : ''} note=${Object.entries(skipped).map(([reason, many]) => `${number(many)} ${reason}`).join(', ') || undefined} />
        <//>`}
      ${rowsQuarantined > 0 && state !== 'running' && html`<${Quarantine} no=${no} kept=${rowsQuarantined} />`}
      ${isUndoable && html`<div><button type="button" class="danger" onClick=${() => undo(job)}>Undo this import</button></div>`}
    <//>`;
  }}<//>`;
}
