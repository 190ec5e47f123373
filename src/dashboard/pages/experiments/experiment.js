/** One experiment: what was found, in words and figures, and what can be done with it. */
import { html } from '../../lib/preact.js';
import { call, inPath } from '../../api.js';
import { useAnswer } from '../../answers.js';
import { useAttempt } from '../../attempt.js';
import { ask, notice } from '../../parts/ask.js';
import { Figure, Figures } from '../../parts/figure.js';
import { Panel, Tag } from '../../parts/panel.js';
import { Span } from '../../parts/span.js';
import { Answered, Fault } from '../../parts/states.js';
import { describeSteering } from '../../parts/steering.js';
import { Table } from '../../parts/table.js';
import { ago, bytes, count, moment, number, percent, signed } from '../../words.js';

const EVERY_MS = 5000;
const HOUR_MS = 3_600_000;
const VERDICTS = { open: ['', 'too early to say'], better: ['good', 'better'], worse: ['bad', 'worse'], none: ['', 'no difference found'] };

function whatIs({ settings, modelVersion, off, modelBytes }) {
  const parts = [off === true ? 'what is trending, in place of recommendations' : '', settings === undefined ? '' : describeSteering(settings), modelVersion === undefined ? '' : `model ${modelVersion}${modelBytes === null ? '' : ` (${bytes(modelBytes)})`}`];
  return parts.filter((part) => part !== '').join(' · ') || 'as it is';
}

function Variants({ experiment: { variants, measure, state, kind, result }, onPromote }) {
  const most = Math.max(...variants.map(({ rate }) => rate?.high ?? rate?.value ?? 0), 0);
  const sides = result.comparisons.flatMap(({ lift }) => (lift === null ? [] : [lift.low, lift.value, lift.high])).filter((value) => value !== null);
  const reach = Math.max(0.05, ...sides.map(Math.abs));
  const columns = [
    { title: 'Variant', isHead: true, cell: ({ name }, n) => html`${name}${n === 0 && html` <${Tag} title="What the others are compared with">baseline<//>`}` },
    { title: 'Share', isNumber: true, cell: ({ share }) => percent(share) },
    { title: 'What it shows', cell: whatIs },
    { title: 'Lists', isNumber: true, cell: ({ lists }) => number(lists) },
    { title: 'Clicks', isNumber: true, cell: ({ clicks }) => number(clicks) },
    { title: 'Purchases', isNumber: true, cell: ({ purchases }) => number(purchases) },
    { title: `${measure[0].toUpperCase()}${measure.slice(1)} a list, 95\u00a0% interval`, cell: ({ rate }) => html`<${Span} estimate=${rate} most=${most} text=${(value) => number(value)} />` },
    ...(state === 'draft' ? [] : [{
      title: 'Beside the first', cell: (_, n) => (n === 0 ? '' : html`<${Tag} tone=${VERDICTS[result.comparisons[n - 1].verdict][0]}>${VERDICTS[result.comparisons[n - 1].verdict][1]}<//>
        ${result.comparisons[n - 1].lift !== null && html`<${Span} estimate=${result.comparisons[n - 1].lift} least=${-reach} most=${reach} text=${(share) => signed(share, 3)} />`}`),
    }]),
    ...(state === 'running' && kind === 'shop' ? [{ title: '', label: 'What can be done', cell: (variant) => variant.off !== true && html`<button type="button" class="small" aria-label=${`Promote ${variant.name}`} onClick=${() => onPromote(variant)}>Promote</button>` }] : []),
  ];
  return html`<${Table} name="Variants" columns=${columns} rows=${variants} keyOf=${({ name }) => name} />`;
}

/** A guard's plan is a time, a shop's own an amount. */
function planOf({ kind, hours, startedAt, stoppedAt, variants, result: { progress, needsLists } }) {
  const share = kind === 'guard' ? Math.min(1, ((stoppedAt === null ? Date.now() : Date.parse(stoppedAt)) - Date.parse(startedAt)) / (hours * HOUR_MS)) : progress;
  const sum = (name) => variants.reduce((all, variant) => all + variant[name], 0);
  return {
    share,
    name: kind === 'guard' ? `Of its ${count(hours, 'hour')}` : 'Of the plan',
    next: kind === 'guard' ? { name: 'Lists so far', value: number(sum('lists')), note: `with ${count(sum('clicks'), 'click')}: a guard goes by what its hours bring` } : { name: 'More lists needed', value: needsLists === null ? '–' : number(needsLists), note: 'about, until it can tell' },
  };
}

function Progress({ experiment }) {
  const { state, result: { asOf, looks, sampleRatio } } = experiment;
  if (state === 'draft') {
    return null;
  }
  const { name, share, next } = planOf(experiment);
  return html`<${Figures} label="How far it is">
    <${Figure} name=${name} value=${share === null ? '–' : percent(Math.max(0, Math.min(1, share)), 2)} note=${share === null ? 'too few outcomes to tell yet' : html`<progress max="1" value=${Math.min(1, share)} aria-label=${name}></progress>`} />
    <${Figure} ...${next} />
    <${Figure} name="Last look" value=${asOf === null ? 'none yet' : ago(asOf)} note=${`${number(looks)} so far, by the clock: reading this page more often changes nothing`} />
    <${Figure} name="Shares as meant" value=${sampleRatio.isMismatch ? 'no' : 'yes'} tone=${sampleRatio.isMismatch ? 'bad' : ''} note=${sampleRatio.isMismatch ? `p = ${number(sampleRatio.p, 2)}: something serves or counts the variants unequally; trust no figure here until it is found` : 'each variant has had its part of the lists'} />
  <//>`;
}

/** @param {{ name: string, onChanged: () => Promise<void>, onGone: () => Promise<void> }} props `onGone`: it is deleted */
export function Experiment({ name, onChanged, onGone }) {
  const path = `v1/experiments/${inPath(name)}`;
  const found = useAnswer(path, { every: EVERY_MS });
  const { error, isBusy, attempt } = useAttempt();
  const act = (question, step, body, done) => attempt(async () => {
    if (await ask(question)) {
      await call('POST', `${path}/${step}`, body);
      notice(done);
      await Promise.all([found.reload(), onChanged()]);
    }
  });
  const start = ({ variants, traffic, scenario }) => act({ title: `Start ${name}?`, says: `From the next answer on ${traffic < 1 ? `${percent(traffic)} of the shoppers` : 'all shoppers'} are shared out to ${variants.map((one) => `${one.name} (${percent(one.share)})`).join(', ')}${scenario === undefined ? ', in all lists' : `, in lists of ${scenario}`}. Each stays with theirs. Once started its definition cannot be changed.`, action: 'Start it' }, 'start', undefined, `${name} is running.`);
  const stop = ({ kind }) => act({ title: `Stop ${name}?`, says: kind === 'guard' ? 'All shoppers have the new version at once, and nothing watches it any more.' : 'All shoppers have the usual lists again. What was found stays; an experiment that has ended does not begin again.', action: 'Stop it', danger: true }, 'stop', undefined, `${name} has ended.`);
  const remove = () => attempt(async () => {
    if (await ask({ title: `Delete the draft ${name}?`, says: 'Its variants and settings are gone. Nothing changes for shoppers, as it was never started, and its name is free again.', action: 'Delete it', danger: true })) {
      await call('DELETE', path);
      notice(`${name} is deleted.`);
      await onGone();
    }
  });
  const promote = (experiment) => (variant) => act({
    title: `Promote ${variant.name}?`,
    says: `Everybody gets what its shoppers have${variant.settings === undefined ? '' : `: its settings become those of the scenario ${experiment.scenario}`}${variant.modelVersion === undefined ? '' : `; model ${variant.modelVersion} becomes the live one`}. The experiment ends.${experiment.result.comparisons.some(({ variant: one, verdict }) => one === variant.name && verdict === 'better') ? '' : ' Nothing yet says that it is better.'}`,
    action: 'Promote it',
  }, 'promote', { variant: variant.name }, `${variant.name} is taken over.`);
  return html`<${Answered} of=${found} what="Counting">${(experiment) => html`<${Panel} title=${name} says=${experiment.description} end=${html`<span class="row tight">
      <${Tag} tone=${experiment.state === 'running' ? 'accent' : ''}>${experiment.kind === 'guard' ? `guard, ${experiment.state}` : experiment.state}<//>
      ${experiment.state === 'draft' && html`<button type="button" class="small danger" disabled=${isBusy} onClick=${remove}>Delete</button><button type="button" class="small primary" disabled=${isBusy} onClick=${() => start(experiment)}>Start</button>`}
      ${experiment.state === 'running' && html`<button type="button" class="small danger" disabled=${isBusy} onClick=${() => stop(experiment)}>Stop</button>`}</span>`}>
    ${error !== null && html`<${Fault} error=${error} />`}
    <ul class="says">${experiment.result.says.map((sentence) => html`<li>${sentence}</li>`)}</ul>
    <${Progress} experiment=${experiment} />
    <${Variants} experiment=${experiment} onPromote=${promote(experiment)} />
    <p class="muted">Measures ${experiment.measure} a list${experiment.scenario === undefined ? '' : ` of ${experiment.scenario}`}, ${experiment.kind === 'guard' ? `every hour for ${count(experiment.hours, 'hour')}` : `to find a difference of ${percent(experiment.minEffect)} with ${percent(experiment.power)} certainty`}.${experiment.startedAt === null ? '' : ` Started ${moment(experiment.startedAt)}.`}${experiment.stoppedAt === null ? '' : ` Ended ${moment(experiment.stoppedAt)}. It stays here: it is the record of what was decided, and lists and events name its variants.`}</p>
  <//>`}<//>`;
}
