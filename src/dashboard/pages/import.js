/** A file in: see what it is, say what its columns mean, try it, import it, mend what was kept aside, take it back. */
import { html, useState } from '../lib/preact.js';
import { useAnswer } from '../answers.js';
import { Head } from '../parts/panel.js';
import { FileChoice } from './import/file-choice.js';
import { Former } from './import/former.js';
import { Job } from './import/job.js';
import { Reading } from './import/reading.js';

export default function Import() {
  const former = useAnswer('v1/imports?limit=10');
  const [file, setFile] = useState(null);
  const [jobNo, setJobNo] = useState(null);
  const choose = (next) => {
    setFile(next);
    setJobNo(null);
  };
  const onStarted = (no) => {
    setJobNo(no);
    setFile(null);
    void former.reload();
  };
  return html`<${Head} title="Import" says="Bring what happened before, and your catalogue, from files: what the columns are is found out, and nothing is stored before you say so." />
    <div class="stack">
      <${FileChoice} file=${file} onChoose=${choose} />
      ${file !== null && html`<${Reading} key=${`${file.name} ${file.size} ${file.lastModified}`} file=${file} onStarted=${onStarted} />`}
      ${jobNo !== null && html`<${Job} key=${jobNo} no=${jobNo} onEnded=${former.reload} />`}
      <${Former} former=${former} shown=${jobNo} onShow=${setJobNo} />
    </div>`;
}
