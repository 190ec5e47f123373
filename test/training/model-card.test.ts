import { describe, expect, it } from 'vitest';
import { DEFAULT_RECIPE } from '../../src/model/recipe.ts';
import type { Model } from '../../src/storage/models.ts';
import { type KeptReport, makeModelCard, summarizeModel } from '../../src/training/model-card.ts';
import { cardToMarkdown, cardToText } from '../../src/training/model-card-text.ts';
import { REPORT } from './reports.ts';

const model = (report: KeptReport, change: Partial<Model> = {}): Model => ({
  version: 7, state: 'live', runNo: 12, recipe: { ...DEFAULT_RECIPE, halfLifeDays: 60, neighbourExponents: [0.75, 0.25] }, report: report as Record<string, unknown>, watermark: '900', systemIdentifier: 'here', isKept: true,
  createdAt: new Date('2026-05-02T03:00:00Z'), guard: null, activatedAt: new Date('2026-05-02T03:01:00Z'), ...change,
});

describe('a model card', () => {
  const card = makeModelCard(model(REPORT));

  it('says what the version was trained on, by what recipe, and how good it is beside the simple rules', () => {
    expect(card).toMatchObject({
      version: 7, state: 'live', runNo: 12, codeVersion: '0.1.0', trainedOn: { events: 397_884, newestAt: '2026-05-01T00:00:00.000Z', watermark: '900', dataHash: 'c0ffee'.repeat(10) },
      recipe: { factors: 64, halfLifeDays: 60 }, search: { mode: 'light', trials: 3, ended: 'time' }, test: { users: 1234, coldShare: 0.12 }, unmeasured: null, gate: { outcome: 'published' }, verdict: { code: 'data-limited' },
    });
    expect(card.test!.rankings.map(({ name }) => name)).toEqual(['this model', 'live recipe', 'item-kNN', 'popularity', 'recent popularity']);
  });

  it('says when not to trust it', () => {
    const words = card.limits.join('\n');
    expect(words).toMatch(/12\.0 % of what the tested shoppers came to want was new/);
    expect(words).toMatch(/Figures of light \(12\) rest on few shoppers/);
    expect(words).toMatch(/Verdict data-limited: Import older events/);
    expect(words).toMatch(/nothing that happened after 2026-05-01/);
    expect(words).not.toMatch(/not measured|could be tested|last item/);
    const handful = makeModelCard(model({ ...REPORT, gate: { ...REPORT.gate!, outcome: 'underpowered' }, test: { ...REPORT.test!, users: 31 }, split: { ...REPORT.split!, test: { ...REPORT.split!.test!, by: 'leave-last-out', cutMs: null } } })).limits.join('\n');
    expect(handful).toMatch(/Only 31 shoppers[^]*each shopper’s last item[^]*too few test users to be sure/);
  });

  it('of a version that was not measured says so first, and has no figures', () => {
    const unmeasured = makeModelCard(model({ events: 5, test: null, unmeasured: { code: 'too-few-events', message: 'A holdout needs at least 10 events; there are 5.' } }));
    expect(unmeasured).toMatchObject({ test: null, unmeasured: expect.stringMatching(/at least 10 events/) as string });
    expect(unmeasured.limits[0]).toMatch(/^It was not measured: A holdout needs at least 10 events; there are 5\. Nothing here/);
    expect(cardToMarkdown(unmeasured)).toContain('Not measured: A holdout needs');
  });

  it.each([['nothing', {}], ['nulls', { split: null, test: null, gate: null, verdict: null, search: null, start: null, prequential: null, quality: null, dataHash: null, codeVersion: null }]])('of a report that has %s can be made and read all the same', (_what, report) => {
    const old = makeModelCard(model(report, { runNo: null, state: 'retired', isKept: false }));
    expect(old.unmeasured).toMatch(/no test figures/);
    for (const text of [cardToMarkdown(old), cardToText(old)]) {
      expect(text).toMatch(/its bytes are not kept any more/);
      expect(text).not.toMatch(/undefined|null|NaN|\[object/);
    }
    expect(summarizeModel(model(report))).toMatchObject({ outcome: null, verdict: null, recall: null, ndcg: null });
  });

  it('is Markdown whose tables hold together, with every figure and its interval', () => {
    const text = cardToMarkdown(card);
    expect(text).toMatch(/^# Model 7\n\nLive since 2026-05-02T03:01:00\.000Z; made by run 12\. Made 2026-05-02T03:00:00\.000Z by Jongleur 0\.1\.0\.\n/);
    for (const heading of ['What it was trained on', 'Recipe', 'How good it is', 'Why it went live', 'Verdict', 'When not to trust it']) {
      expect(text).toContain(`## ${heading}\n`);
    }
    expect(text).toContain('| NDCG @20 | 0.1125 [0.1069, 0.1181] | 0.1105 [0.1050, 0.1160] | 0.0715 [0.0679, 0.0751] | 0.0415 [0.0394, 0.0436] | 0.0525 [0.0499, 0.0551] |');
    expect(text).toContain('| diversity in a list @10 | – | – | – | – | – |');
    expect(text).toContain('| new users (below 5 items) | 0 | – | – | – | – |');
    expect(text).toContain('the 79,577 events from 2026-03-22T00:00:00.000Z on; fitted on the 318,307 before. 1,234 shoppers');
    expect(text).toContain('Chosen by light search: 3 trials in 22.4 s, ended by its time limit.');
    expect(text).toContain('- ✓ `not-worse` NDCG@20 against the recipe of live version 6');
    expect(text).toContain('| sweeps 1 | 0.2000 | 0.0800 | 0.31 | 512,192 | 2.0 MiB |\n| sweeps 2 |');
    expect(text).toContain('2,100 later ratings of 310 shoppers, 7.0 % of them with an unknown shopper or item');
    expect(text).toContain('| factors and biases | 0.8765 [0.8327, 0.9203] | 0.6800 [0.6460, 0.7140] |\n| biases alone | 0.9000');
    expect(text).toContain('| share of the data 0.25 | – | 0.0600 |');
    expect(text).toMatch(/\| factors f \| 64 \|\n\| regularization λ \|[^]*\| seed \| 1 \|\n\n/);
    expect(text).toContain('How version 6 really did on the 4,567 events');
    expect(text).not.toMatch(/undefined|null|NaN|\[object/);
    // Each table: every row as many cells as its head.
    for (const table of text.split(/\n\n/).filter((block) => block.startsWith('|'))) {
      expect(new Set(table.trim().split('\n').map((row) => row.split('|').length)).size).toBe(1);
    }
  });

  it('is a page of a terminal with the figures that matter', () => {
    const text = cardToText(card);
    expect(text).toMatch(/^Model 7: live since/);
    expect(text).toMatch(/\n {2}this model +0\.1013 \[0\.0962, 0\.1063\] +0\.1125 \[0\.1069, 0\.1181\] +0\.550\n/);
    expect(text).toMatch(/Gate: It went live\.\n {2}✓ NDCG@20/);
    expect(text).toMatch(/Verdict: data-limited\./);
    expect(text.split('\n').every((line) => !line.endsWith(' '))).toBe(true);
  });

  it('in short has recall and NDCG at 20', () => {
    expect(summarizeModel(model(REPORT))).toMatchObject({ version: 7, outcome: 'published', verdict: 'data-limited', ndcg: { mean: 0.1125 }, recall: { mean: 0.10125 } });
  });
});
