import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawCandidates, rungsOf } from '../../../src/model/experiment/search.ts';
import { DEFAULT_RECIPE } from '../../../src/model/recipe.ts';
import type { RecipeChoice } from '../../../src/training/offline/data.ts';
import { evaluateOffline } from '../../../src/training/offline/evaluate.ts';
import { searchRecipe } from '../../../src/training/offline/search.ts';
import { DEFAULT_TERMS } from '../../../src/model/terms.ts';
import { checkerboard, readData } from './files.ts';

let folder: string;
let train: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jongleur-search-'));
  train = join(folder, 'train.csv');
  await writeFile(train, checkerboard(40).train);
});
afterAll(async () => await rm(folder, { recursive: true }));

const nothingAsked: RecipeChoice = { recipe: { ...DEFAULT_RECIPE, sweeps: 2 }, asked: { factors: false, regularization: false, unobservedWeight: false }, search: true, threads: 1 };

describe('a search', () => {
  it('is over before the test file is read, whatever that is', async () => {
    const evaluate = async (test: string) => {
      const lines: string[] = [];
      const path = join(folder, 'test.csv');
      await writeFile(path, test);
      const evaluation = await evaluateOffline({ ...nothingAsked, asked: { factors: false, regularization: true, unobservedWeight: true }, train: await readData(train), readTest: async () => await readData(path), ks: [1], say: (line) => lines.push(line) }).catch((error: unknown) => error as Error);
      return { evaluation, fitted: lines.find((line) => line.startsWith('Fitted'))!.replace(/ in [\d.]+ s/, '') };
    };
    const good = await evaluate(checkerboard(40).test);
    expect(good.evaluation).toMatchObject({ search: { heldOutBy: 'user', windows: 1, trials: 4, users: expect.any(Number) as number } });
    const garbage = await evaluate('\u0000 garbage');
    expect(garbage.evaluation).toBeInstanceOf(Error);
    expect(garbage.fitted).toBe(good.fitted);
  });

  it('draws sixteen different recipes, what was given first, none with more factors than the file allows', () => {
    const draw = (mostFactors: number, fades: boolean) => drawCandidates({ ...nothingAsked, terms: DEFAULT_TERMS, live: null, rungs: rungsOf.full, mostFactors, fades });
    const recipes = draw(70, false).map(({ recipe }) => recipe);
    expect(recipes[0]).toEqual(nothingAsked.recipe);
    expect(new Set(recipes.map((recipe) => JSON.stringify(recipe))).size).toBe(16);
    for (const { factors, regularization, unobservedWeight } of recipes) {
      expect([16, 32, 64]).toContain(factors);
      expect(regularization).toBeGreaterThanOrEqual(0.1);
      expect(regularization).toBeLessThanOrEqual(1);
      expect(unobservedWeight).toBeGreaterThanOrEqual(0.05);
      expect(unobservedWeight).toBeLessThanOrEqual(2);
    }
    expect(draw(5, false).every(({ recipe }) => recipe.factors === 5)).toBe(true);
    expect(draw(70, false).map(({ recipe }) => recipe)).toEqual(recipes);
    const fading = draw(70, true);
    expect(fading[0]!.halfLifeDays).toBe(60);
    expect(new Set(fading.map(({ halfLifeDays }) => halfLifeDays)).size).toBeGreaterThan(2);
  });

  it('leaves what was asked for, and tries different recipes only', async () => {
    const lines: string[] = [];
    const { pairs } = await readData(train);
    const recipe = { ...nothingAsked.recipe, factors: 5, regularization: 0.25 };
    const result = await searchRecipe(pairs, { ...nothingAsked, recipe, asked: { factors: true, regularization: true, unobservedWeight: true } }, (line) => lines.push(line));
    expect(result.recipe).toEqual(recipe);
    expect(result.search!.trials).toBe(2);
    expect(lines.filter((line) => /^ +1: 5 factors, regularization 0\.25, unobserved weight 0\.2, half-life 60, [12] sweeps: ndcg@20 [\d.]+$/.test(line))).toHaveLength(2);
  });

  it('holds out by time where there are times', async () => {
    const path = join(folder, 'times.csv');
    const rows = checkerboard(40).train.trim().split('\n');
    await writeFile(path, rows.map((row, n) => `${row},1,2024-01-${String(1 + ((n * 7) % 28)).padStart(2, '0')}`).join('\n'));
    const { pairs } = await readData(path);
    const asked = { factors: true, regularization: true, unobservedWeight: true };
    const run = async (choice: Partial<RecipeChoice>) => {
      const lines: string[] = [];
      return { ...(await searchRecipe(pairs, { ...nothingAsked, asked, ...choice }, (line) => lines.push(line))), lines };
    };
    const found = await run({});
    const { search } = found;
    expect(search).toMatchObject({ windows: 2, trials: 4 + 4 });
    expect(found.lines.some((line) => line.startsWith('  recencyWeight 0.4: ndcg@20'))).toBe(true);
    // The same again, by another number of threads.
    expect(await run({ threads: 2 })).toEqual(found);
    const terms = { ...DEFAULT_TERMS, neighbours: 0, recencyWeight: 0.3, halfLifeDays: 17 };
    const asGiven = await run({ terms, asked: { ...asked, terms: ['neighbours', 'recencyWeight', 'recencyHalfLifeDays', 'halfLifeDays'] } });
    expect(asGiven.terms).toEqual(terms);
    expect(asGiven.lines.filter((line) => /^ {2}[a-z]/.test(line))).toEqual([expect.stringMatching(/^ {2}terms as given/)]);
    expect(search!.heldOutBy).toBe('time');
  });

  it('is left out, with a warning, where too few users are left to choose on', async () => {
    const path = join(folder, 'few.csv');
    await writeFile(path, checkerboard(6).train);
    const lines: string[] = [];
    const result = await searchRecipe((await readData(path)).pairs, nothingAsked, (line) => lines.push(line));
    expect(result).toEqual({ recipe: nothingAsked.recipe, terms: DEFAULT_TERMS, search: null });
    expect(lines).toEqual([expect.stringMatching(/^Warning: no search: fewer than 10 users/)]);
  });
});
