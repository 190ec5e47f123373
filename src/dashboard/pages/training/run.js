/** One training run: under way, or its report. */
import { html } from '../../lib/preact.js';
import { useAnswer } from '../../answers.js';
import { inPath } from '../../api.js';
import { notice } from '../../parts/ask.js';
import { Figure, Figures } from '../../parts/figure.js';
import { Head, Panel, Tag } from '../../parts/panel.js';
import { StackedBar, StackedLegend } from '../../parts/stacked.js';
import { Answered, Empty } from '../../parts/states.js';
import { Table } from '../../parts/table.js';
import { hrefOf } from '../../route.js';
import { ago, count, duration, moment, number } from '../../words.js';
import { Findings } from './findings.js';
import { PHASES, describeRunState, describeStart, piecesOf, secondsOf } from './terms.js';
import { UnderWay } from './under-way.js';
import { VersionSteps } from './steps.js';

function Phases({ run: { seconds, rows } }) {
  const known = PHASES.filter(({ key }) => seconds[key] !== undefined);
  const pieces = piecesOf(seconds);
  return html`<${Panel} title="Where the time went">
    <${StackedLegend} pieces=${pieces} /><${StackedBar} name="Time by phase" pieces=${pieces} />
    <${Table} name="Phases" rows=${known} columns=${[
      { title: 'Phase', isHead: true, cell: ({ title }) => title },
      { title: 'Time', isNumber: true, cell: ({ key }) => duration(seconds[key]) },
      { title: 'Of so many', isNumber: true, cell: ({ key }) => (rows?.[key] ? number(rows[key]) : '') },
    ]} />
  <//>`;
}

function Ended({ run, live, candidate, settings, onDone }) {
  const { report, version } = run;
  const [word, tone] = describeRunState(run.state);
  return html`
    ${run.message !== null && html`<p class=${`banner ${run.state === 'failed' || run.state === 'lost' ? 'bad' : 'plain'}`}>${run.message}${run.version === null && live !== undefined ? ` Version ${live.version} goes on answering.` : ''}</p>`}
    <${Figures} label="The run">
      <${Figure} name="Ended" value=${word} tone=${tone === 'accent' ? '' : tone} note=${`started ${describeStart(run.startedBy)}, ${moment(run.startedAt)}`} />
      <${Figure} name="Took" value=${duration(secondsOf(run))} note=${`ended ${ago(run.finishedAt)}`} />
      ${version !== null && html`<${Figure} name="Made" value=${html`<a href=${hrefOf('training', { version })}>version ${version}</a>`} note="its report, and what can be done with it" />`}
      ${typeof report?.events === 'number' && html`<${Figure} name="Learnt from" value=${number(report.events)} unit="events" note=${`of ${count(report.users, 'shopper')} and ${count(report.items, 'item')}: ${count(report.interactions, 'pair')} of the two`} />`}
    <//>
    ${candidate !== undefined && html`<${Panel} title=${`Version ${version} waits for your word`} says="It passed, and does not answer before you say so."><${VersionSteps} version=${candidate} live=${live} settings=${settings} onDone=${onDone} /><//>`}
    ${run.findings === null ? html`<${Empty} title="There is no report" says="It ended before there was anything to tell." />` : html`<${Findings} findings=${run.findings} report=${report} />`}
    ${run.seconds !== null && html`<${Phases} run=${run} />`}`;
}

/** @param {{ no: string, models: any, settings: any }} props `models`: what `useAnswer` gave of the versions */
export function Run({ no, models, settings }) {
  const run = useAnswer(`v1/training-runs/${inPath(no)}`);
  const live = models.answer?.items.find(({ state }) => state === 'live');
  const reload = () => Promise.all([run.reload(), models.reload()]);
  const onEnd = ({ state, version }) => {
    notice(state === 'published' ? `Run ${no} has ended: version ${version} is live.` : `Run ${no} has ended: ${describeRunState(state)[0]}.`);
    void reload();
  };
  const state = run.answer?.state;
  const [word, tone] = describeRunState(state);
  return html`<${Head} title=${html`Training run ${no} ${state && html`<${Tag} tone=${tone}>${word}<//>`}`} says="What was learnt, how well, and what came of it."><a class="button" href=${hrefOf('training')}>All runs and versions</a><//>
    <div class="stack"><${Answered} of=${run} what="Looking it up">${(answer) => (answer.state === 'running'
      ? html`<${UnderWay} key="under-way" run=${answer} live=${live} onEnd=${onEnd} />`
      : html`<${Ended} key="ended" run=${answer} live=${live} settings=${settings} onDone=${reload} candidate=${models.answer?.items.find((one) => one.version === answer.version && one.state === 'candidate')} />`)}<//></div>`;
}
