/** Curves as each kind of trouble draws them. */
import { describe, expect, it } from 'vitest';
import type { PairedDifference } from '../../src/model/evaluation/bootstrap.ts';
import { type CurvePoint, giveVerdict, type VerdictCode, type VerdictInput } from '../../src/model/verdict.ts';

function curve(points: readonly (readonly [at: number, validation: number, train?: number])[], chance = false): CurvePoint[] {
  // Whether an advantage over the chosen model could be chance.
  const difference: PairedDifference | null = chance ? { users: 100, candidate: 0, reference: 0, relative: 0, lowerBound: -0.1, low: -0.2, high: 0.3 } : null;
  return points.map(([at, validation, train = null]) => ({ at, validation, train, difference }));
}

/** 64 factors, 8 sweeps, NDCG 0.1 where popularity has 0.05; everything has settled. */
const settled: VerdictInput = {
  metric: 'NDCG@20',
  chosen: { validation: { mean: 0.1, low: 0.095, high: 0.105 }, train: 0.15, sweeps: 8, factors: 64, regularization: 0.3 },
  bestBaseline: { name: 'popularity', mean: 0.05 },
  bySweep: curve([[1, 0.06, 0.07], [2, 0.08, 0.11], [3, 0.092, 0.13], [4, 0.097, 0.14], [5, 0.099, 0.145], [6, 0.0995, 0.148], [7, 0.0999, 0.149], [8, 0.1, 0.15]]),
};
const allCurves: VerdictInput = {
  ...settled,
  byShare: curve([[0.1, 0.07], [0.25, 0.09], [0.5, 0.098], [1, 0.1]]),
  byFactors: curve([[16, 0.08], [32, 0.094], [64, 0.1], [128, 0.103]]),
  byRegularization: curve([[0.1, 0.098], [0.3, 0.1], [1, 0.097]]),
};
const chosen = (mean: number, half: number, train = 0.15) => ({ ...settled.chosen!, validation: { mean, low: mean - half, high: mean + half }, train });
const afterFour = { ...settled.chosen!, sweeps: 4 };

describe('the verdict', () => {
  it.each<[string, VerdictInput, VerdictCode, RegExp]>([
    ['settled curves', allCurves, 'well-fitted', /brought \+2\.0 %, the next should bring \+0\.5 %; it has \+100\.0 % over the best baseline/],
    ['settled sweeps and no other curve', settled, 'well-fitted', /Neither a simpler nor a richer model/],
    ['sweeps that still rise', { ...settled, chosen: afterFour, bySweep: curve([[1, 0.02], [2, 0.04], [3, 0.06], [4, 0.1]]) }, 'underfitted', /last quarter of the sweeps still brought \+66\.7 %/],
    ['sweeps that rise a little, said with their own figure', { ...settled, chosen: afterFour, bySweep: curve([[1, 0.09], [2, 0.096], [3, 0.0975], [4, 0.1]]) }, 'underfitted', /brought \+2\.6 %/],
    ['sweeps that still rose, where twice as many bring nothing', { ...settled, chosen: afterFour, bySweep: curve([[1, 0.09], [2, 0.096], [3, 0.0975], [4, 0.1], [8, 0.101]]) }, 'well-fitted', /Neither/],
    ['twice the sweeps that help', { ...settled, chosen: { ...afterFour, sweeps: 1 }, bySweep: curve([[1, 0.1], [2, 0.12]]) }, 'underfitted', /more sweeps are \+20\.0 % better/],
    ['more factors that help', { ...allCurves, byFactors: curve([[32, 0.08], [64, 0.1], [128, 0.115], [256, 0.12]]) }, 'underfitted', /more factors are \+20\.0 % better/],
    ['less regularization that helps', { ...allCurves, byRegularization: curve([[0.01, 0.11], [0.3, 0.1], [1, 0.07]]) }, 'underfitted', /less regularization is \+10\.0 %/],
    ['an earlier sweep that was better', { ...settled, bySweep: curve([[1, 0.08, 0.1], [2, 0.12, 0.2], [3, 0.11, 0.4], [4, 0.1, 0.6]]), chosen: { ...chosen(0.1, 0.005, 0.6), sweeps: 4 } }, 'overfitted', /an earlier sweep is \+20\.0 % better, and it loses 83 % from train to validation/],
    ['fewer factors that are better', { ...allCurves, byFactors: curve([[16, 0.12], [32, 0.11], [64, 0.1], [128, 0.09]]) }, 'overfitted', /fewer factors are \+20\.0 % better/],
    ['more regularization that is better', { ...allCurves, byRegularization: curve([[0.1, 0.08], [0.3, 0.1], [1, 0.11]]) }, 'overfitted', /more regularization is \+10\.0 %/],
    ['better settings that may be chance', { ...allCurves, byFactors: curve([[16, 0.12], [64, 0.1], [128, 0.13]], true) }, 'well-fitted', /Neither/],
    ['data that still help', { ...allCurves, byShare: curve([[0.25, 0.07], [0.5, 0.085], [1, 0.1]]) }, 'data-limited', /last doubling of the data brought \+17\.6 % and the next should bring \+14\.5 %/],
    ['data that helped, each doubling by far less than the one before', { ...allCurves, byShare: curve([[0.25, 0.06], [0.5, 0.09], [1, 0.1]]) }, 'well-fitted', /brought \+11\.1 %, the next should bring \+2\.5 %/],
    ['shares without a half, reckoned per doubling', { ...allCurves, byShare: curve([[0.25, 0.064], [1, 0.1]]) }, 'data-limited', /\+25\.0 %/],
    ['too few shoppers to tell', { ...settled, chosen: chosen(0.1, 0.06) }, 'data-limited', /from 0\.0400 to 0\.1600: too few shoppers/],
    ['nobody to measure on', { ...settled, chosen: null, bySweep: [] }, 'data-limited', /nothing could be measured/],
    ['a model no better than bestsellers, and nothing that helps', { ...allCurves, bestBaseline: { name: 'popularity', mean: 0.11 }, byShare: curve([[0.5, 0.1], [1, 0.1]]) }, 'noise-limited', /No setting is worthwhile beside popularity \(NDCG@20 0\.1100; the model has 0\.1000\), and the last doubling of the data changed \+0\.0 %/],
    ['a model that is hardly better than bestsellers', { ...allCurves, bestBaseline: { name: 'popularity', mean: 0.099 }, byShare: curve([[0.5, 0.1], [1, 0.1]]) }, 'noise-limited', /No setting is worthwhile/],
    ['the same, measured on few shoppers', { ...allCurves, chosen: chosen(0.1, 0.03), bestBaseline: { name: 'popularity', mean: 0.11 }, byShare: curve([[0.5, 0.1], [1, 0.1]]) }, 'data-limited', /from 0\.0700 to 0\.1300: too few shoppers to tell whether there is more/],
    ['data that help far more than a setting that helps', { ...allCurves, byShare: curve([[0.5, 0.07], [1, 0.1]]), byFactors: curve([[16, 0.11], [64, 0.1]]) }, 'data-limited', /brought \+42\.9 % and the next should bring \+42\.9 %, and far more than any setting \(\+10\.0 %\)/],
    ['data that help, and a setting that helps as well', { ...allCurves, byShare: curve([[0.5, 0.08], [1, 0.1]]), byFactors: curve([[16, 0.11], [64, 0.1]]) }, 'overfitted', /fewer factors are \+10\.0 %/],
    ['data whose help may be chance, which is no reason to call a model well fitted', { ...allCurves, byShare: curve([[0.5, 0.08], [1, 0.1]], true) }, 'data-limited', /doubling of the data brought \+25\.0 %/],
    ['data that help a little', { ...allCurves, byShare: curve([[0.5, 0.092], [1, 0.1]]) }, 'well-fitted', /doubling of the data brought \+8\.7 %/],
    ['two ways to be better, the richer one by more', { ...allCurves, byFactors: curve([[64, 0.1], [128, 0.15]]), byRegularization: curve([[0.3, 0.1], [1, 0.11]]) }, 'underfitted', /more factors are \+50\.0 %/],
    ['two ways to be better, the simpler one by more', { ...allCurves, byFactors: curve([[64, 0.1], [128, 0.11]]), byRegularization: curve([[0.3, 0.1], [1, 0.15]]) }, 'overfitted', /more regularization is \+50\.0 %/],
    ['data that could not be split, with the reason', { ...settled, chosen: null, bySweep: [], unmeasured: { code: 'too-few-events', message: 'A holdout needs at least 10 events; there are 4.' } }, 'data-limited', /^Nothing could be measured: A holdout needs at least 10 events; there are 4\.$/],
    ['factors no better than bestsellers, where what is served is', { ...allCurves, bestBaseline: { name: 'popularity', mean: 0.11 }, served: 0.13, byShare: curve([[0.5, 0.1], [1, 0.1]]) }, 'well-fitted', /Neither/],
    ['the same, where more data help', { ...allCurves, bestBaseline: { name: 'popularity', mean: 0.11 }, byShare: curve([[0.5, 0.08], [1, 0.1]]) }, 'data-limited', /doubling/],
    ['the same, where fewer factors would beat them', { ...allCurves, bestBaseline: { name: 'popularity', mean: 0.11 }, byFactors: curve([[8, 0.13], [64, 0.1]]) }, 'overfitted', /fewer factors are \+30\.0 %/],
    ['a model that finds nothing at all', { ...settled, chosen: chosen(0, 0), bySweep: curve([[1, 0], [2, 0], [3, 0], [4, 0]]) }, 'noise-limited', /No setting is worthwhile/],
  ])('on %s', (_title, input, code, reason) => {
    const verdict = giveVerdict(input);
    expect(verdict).toMatchObject({ code, reason: expect.stringMatching(reason) as string, advice: expect.stringMatching(/\S\.$/) as string });
    expect(verdict.reason + verdict.advice).not.toMatch(/NaN|undefined|null|Infinity/);
  });

  it('gives the figures it rests on, null for curves that were not made', () => {
    expect(giveVerdict(allCurves).figures).toEqual({
      validation: 0.1, relativeWidth: expect.closeTo(0.1, 10), lift: expect.closeTo(1, 10), gap: expect.closeTo(1 / 3, 10), earlierSweep: expect.closeTo(-0.001, 10), lastQuarter: expect.closeTo(0.1 / 0.0995 - 1, 10), moreSweeps: null,
      fewerFactors: expect.closeTo(-0.06, 10), moreFactors: expect.closeTo(0.03, 10), moreRegularization: expect.closeTo(-0.03, 10), lessRegularization: expect.closeTo(-0.02, 10), doubling: expect.closeTo(0.1 / 0.098 - 1, 10), nextDoubling: expect.closeTo((0.1 / 0.098 - 1) ** 2 / (0.098 / 0.09 - 1), 10),
    });
    expect(giveVerdict(settled).figures).toMatchObject({ fewerFactors: null, moreFactors: null, moreRegularization: null, lessRegularization: null, doubling: null });
    expect(giveVerdict({ ...settled, chosen: null, bySweep: [] }).figures).toMatchObject({ validation: null, lift: null, gap: null, earlierSweep: null, lastQuarter: null });
  });
});
