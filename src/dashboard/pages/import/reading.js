/** How a file is read: what was found out by its first 64 KiB, what somebody says of it, and how its rows would be taken. */
import { html, useEffect, useRef, useState } from '../../lib/preact.js';
import { call, withQuery } from '../../api.js';
import { useAnswer } from '../../answers.js';
import { Choice } from '../../parts/field.js';
import { Panel, Tag } from '../../parts/panel.js';
import { Fault, Loading } from '../../parts/states.js';
import { Mapping } from './mapping.js';
import { Sample } from './sample.js';

const HEAD_BYTES = 65_536;
const KINDS = [['events', 'events'], ['items', 'catalogue items'], ['users', 'shoppers']];
const PRESETS = [['generic', 'any file'], ['online-retail', 'UCI Online Retail'], ['movielens', 'MovieLens'], ['goodbooks', 'goodbooks-10k'], ['gorse', 'Gorse’s export']];
const DATES = [['', 'found out'], ['iso', 'year-month-day'], ['dmy', 'day/month/year'], ['mdy', 'month/day/year']];
const DECIMALS = [['', 'found out'], ['point', '4.90'], ['comma', '4,90']];
const DELIMITERS = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'upright lines', '::': 'double colons' };
const FILE = { headers: { 'content-type': 'application/octet-stream' } };

/** All meanings are said, those that no column has as well: what the service found out must not come back under the hand of somebody who took it away. */
function writeMapping(mapping, meanings) {
  return meanings.map((meaning) => `${meaning}=${mapping[meaning] ?? ''}`).map((part) => (/[,"]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part)).join(',');
}

const mappingOf = ({ columns }) => Object.fromEntries(columns.filter(({ meaning }) => meaning !== null).map(({ name, meaning }) => [meaning, name]));

const ROOTS = { kind: 'events', preset: 'generic', type: '', dates: '', decimals: '' };

export function Reading({ file, onStarted }) {
  const types = useAnswer('v1/event-types');
  const [options, setOptions] = useState(ROOTS);
  /** By meaning, the column's name; null: as it is found out. */
  const [mapping, setMapping] = useState(null);
  const [preview, setPreview] = useState(null);
  const [error, setError] = useState(null);
  const [isSending, setSending] = useState(false);
  const aborter = useRef(null);

  const queryOf = () => ({
    ...options, header: mapping === null ? undefined : preview?.header,
    columns: mapping === null ? undefined : writeMapping(mapping, preview.meanings),
  });
  useEffect(() => {
    aborter.current?.abort();
    const mine = new AbortController();
    aborter.current = mine;
    call('POST', withQuery('v1/import-previews', { ...queryOf(), whole: file.size <= HEAD_BYTES }), file.slice(0, HEAD_BYTES), { ...FILE, signal: mine.signal }).then(
      (answer) => {
        setPreview(answer);
        setError(null);
      },
      (refusal) => refusal.name === 'AbortError' || setError(refusal),
    );
    return () => mine.abort();
  }, [options, mapping]);

  const start = async () => {
    setSending(true);
    setError(null);
    try {
      onStarted((await call('POST', withQuery('v1/imports', { ...queryOf(), source: file.name.slice(0, 256) }), file, FILE)).no);
    } catch (refusal) {
      setError(refusal);
      setSending(false);
    }
  };
  const change = (name) => (value) => {
    setOptions({ ...options, [name]: value });
    if (name === 'preset' || name === 'kind') {
      setMapping(null);
    }
  };
  const assign = (column, meaning) => {
    const next = { ...(mapping ?? mappingOf(preview)) };
    for (const [one, name] of Object.entries(next)) {
      if (name === column) {
        delete next[one];
      }
    }
    if (meaning !== '') {
      next[meaning] = column;
    }
    setMapping(next);
  };

  const isEvents = options.kind === 'events';
  const typeOptions = [['', preview === null || !isEvents ? 'found out' : `found out: ${preview.defaultType}`], ...(types.answer?.items ?? []).map(({ name }) => [name, name])];
  return html`<${Panel} title="How it is read" says="Found out by the first 64 KiB of the file; the whole of it is sent when you import it.">
      <div class="import-options">
        <${Choice} label="The rows are" value=${options.kind} options=${KINDS} onChange=${change('kind')} />
        <${Choice} label="Kind of file" value=${options.preset} options=${PRESETS} onChange=${change('preset')} />
        ${isEvents && html`<${Choice} label="Default event type" value=${options.type} options=${typeOptions} onChange=${change('type')} />`}
        <${Choice} label="Dates" value=${options.dates} options=${DATES} onChange=${change('dates')} wrong=${preview?.datesAmbiguous ? 'Day and month could be either way round: say which.' : null} />
        <${Choice} label="Decimals" value=${options.decimals} options=${DECIMALS} onChange=${change('decimals')} />
      </div>
      ${error !== null && html`<${Fault} error=${error} />`}
      ${preview === null ? error === null && html`<${Loading} what="Looking at the file" />` : html`
        <p><${Tag}>${preview.format === 'csv' ? `CSV with ${DELIMITERS[preview.delimiter] ?? preview.delimiter}` : 'a JSON object a line'}<//> <${Tag}>${preview.encoding}<//> ${preview.gzipped && html`<${Tag}>packed with gzip<//> `}<${Tag}>dates ${DATES.find(([name]) => name === preview.dates)[1]}<//> <${Tag}>numbers as ${DECIMALS.find(([name]) => name === preview.decimals)[1]}<//>${!preview.header && html` <${Tag} tone="warn">no line of names: columns are called by their places<//>`}</p>
        <${Mapping} preview=${preview} onAssign=${assign} />`}
    <//>
    ${preview !== null && html`<${Panel} title="Dry run" says="How its first rows would be taken. Nothing is stored.">
      <${Sample} preview=${preview} kind=${options.kind} />
      <div class="row"><button type="button" class="primary" disabled=${preview.missing.length > 0 || error !== null || isSending} onClick=${start}>${isSending ? 'Sending the file …' : 'Import the file'}</button>
        ${isEvents && html`<span class="muted">It can be undone, and sending the same rows again changes nothing.</span>`}</div>
    <//>`}`;
}
