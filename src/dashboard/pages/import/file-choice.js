/** Where a file is dropped or chosen. */
import { html, useRef, useState } from '../../lib/preact.js';
import { bytes } from '../../words.js';

export function FileChoice({ file, onChoose }) {
  const [isOver, setOver] = useState(false);
  const input = useRef(null);
  const onDrop = (event) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer.files.length > 0) {
      onChoose(event.dataTransfer.files[0]);
    }
  };
  const onDragOver = (event) => {
    event.preventDefault();
    setOver(true);
  };
  const onPick = ({ currentTarget }) => {
    if (currentTarget.files.length > 0) {
      onChoose(currentTarget.files[0]);
    }
    // The same file chosen once more is a choice as well.
    currentTarget.value = '';
  };
  return html`<section class=${`drop ${isOver ? 'over' : ''} ${file === null ? '' : 'has-file'}`} aria-label="File" onDrop=${onDrop} onDragOver=${onDragOver} onDragLeave=${() => setOver(false)}>
    ${file === null ? html`<strong>Drop a file here</strong>` : html`<strong>${file.name} <span class="muted">${bytes(file.size)}</span></strong>`}
    <button type="button" class=${file === null ? 'primary' : ''} onClick=${() => input.current.click()}>${file === null ? 'Choose a file' : 'Choose another file'}</button>
    <input ref=${input} type="file" hidden accept=".csv,.tsv,.txt,.dat,.data,.json,.jsonl,.ndjson,.gz" aria-label="File to import" onChange=${onPick} />
    ${file === null && html`<p class="muted">CSV or a JSON object a line, plain or packed with gzip, of any size. A line is an event (who did what with which item, and when) or an item of the catalogue.</p>`}
  </section>`;
}
