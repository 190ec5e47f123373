/** What a run made of its model, in words: the verdict with what it rests on, and the gate with each of its reasons. */
import { html } from '../../lib/preact.js';
import { Panel, Tag } from '../../parts/panel.js';
import { Empty } from '../../parts/states.js';
import { describeVerdict } from '../../verdicts.js';
import { describeOutcome, questionOf } from './terms.js';

export function Verdict({ verdict }) {
  if (verdict === null) {
    return html`<${Panel} title="Verdict"><${Empty} title="There is none" says="The run ended before its model could be judged." /><//>`;
  }
  const [word, says, tone] = describeVerdict(verdict.code);
  return html`<${Panel} title="Verdict" says="Is the model too simple, too eager, or is it the data?" end=${html`<${Tag} tone=${tone}>${word}<//>`}>
    <p><strong>${`${says[0].toUpperCase()}${says.slice(1)}.`}</strong></p>
    <p>${verdict.reason}</p>
    <p><span class="muted">What to do:</span> ${verdict.advice}</p>
  <//>`;
}

export function Gate({ gate }) {
  if (gate === null) {
    return html`<${Panel} title="Gate"><${Empty} title="It was not asked" says="The run ended before, or was told to publish whatever came of it." /><//>`;
  }
  const [word, tone] = describeOutcome(gate);
  return html`<${Panel} title="Gate" says="What is asked of a model before it may answer your shoppers." end=${html`<${Tag} tone=${tone}>${word}<//>`}>
    <ul class="reasons">${gate.reasons.map(({ code, passed, message }) => {
      const [mark, answer, toneOfAnswer] = code === 'manual' ? ['…', 'Not before you say so', 'warn'] : passed ? ['✓', 'Passed', 'good'] : ['✗', 'Failed', 'bad'];
      return html`<li key=${code}><span class=${`mark ${toneOfAnswer}`} aria-hidden="true">${mark}</span><div><h3>${questionOf(code)} <span class=${toneOfAnswer}>${answer}</span></h3><p>${message}</p></div></li>`;
    })}</ul>
  <//>`;
}
