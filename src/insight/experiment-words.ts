/** What an experiment has found, in sentences for whoever runs the shop. */
import type { LiveExperiment } from '../storage/live-experiments.ts';
import { type ExperimentResult, MISMATCH_LEVEL } from './live-experiments.ts';
import type { Comparison, StoredBounds } from './sequential-look.ts';

const percent = (share: number) => `${share >= 0 ? '+' : '−'}${Math.abs(100 * share).toFixed(1)} %`;
const count = (number: number) => Math.round(number).toLocaleString('en-US');

function liftWords(lift: StoredBounds | null): string {
  if (lift === null) {
    return 'by an amount that cannot be said as a share, since the first has none';
  }
  return `${percent(lift.value)} (95 %: between ${lift.low === null ? 'anything less' : percent(lift.low)} and ${lift.high === null ? 'anything more' : percent(lift.high)})`;
}

function comparisonWords(name: string, first: string, measure: string, comparison: Comparison | null, needsLists: number | null): string {
  switch (comparison?.verdict) {
    case 'better':
      return `“${name}” is better than “${first}”: ${measure} a list ${liftWords(comparison.lift)}.`;
    case 'worse':
      return `“${name}” is worse than “${first}”: ${measure} a list ${liftWords(comparison.lift)}.`;
    case 'none':
      return `Between “${name}” and “${first}” no difference was found: ${measure} a list ${liftWords(comparison.lift)}.`;
    default:
      return `It is too early to say whether “${name}” differs from “${first}”${needsLists === null ? '' : `; needs about ${count(needsLists)} more lists`}.`;
  }
}

export function describeResult({ name, kind, state, definition: { variants, measure, hours, rollsBack }, end }: LiveExperiment, result: ExperimentResult): string[] {
  if (state === 'draft') {
    return ['It was not started yet.'];
  }
  const [first, ...others] = variants;
  const sentences = others.map((variant, n) => comparisonWords(variant.name, first.name, measure, result.comparisons[n], state === 'running' && kind === 'shop' ? result.needsLists : null));
  if (kind === 'guard') {
    const told = { over: 'Its time was up, and nothing was found against the new version.', 'rolled-back': 'The new version was rolled back.', worse: 'The new version stayed live.', superseded: 'Another version went live meanwhile.', stopped: 'Somebody stopped it: all shoppers have the new version.', promoted: '' };
    sentences.push(end === null ? `It ends by itself ${hours} hours after its start; ${rollsBack === true ? 'where the new version is clearly worse, it is rolled back' : 'where the new version is clearly worse, that is told'}.` : told[end.reason]);
  } else if (state === 'running' && result.progress !== null && result.progress >= 1 && result.comparisons.every((one) => one !== null && one.verdict !== 'open')) {
    sentences.push(`All that was planned has been measured: stop ${JSON.stringify(name)}, or promote a variant.`);
  }
  if (result.mismatch < MISMATCH_LEVEL) {
    sentences.push(`The variants have not had the shares of lists that they should have (p = ${result.mismatch.toExponential(1)}): something serves or counts them unequally, and no figure here is to be trusted until it is found.`);
  }
  return sentences.filter((sentence) => sentence !== '');
}
