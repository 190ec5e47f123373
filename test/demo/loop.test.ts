/** The loop against a service made up for the test: what it sends and asks, and that the seed decides all of it. */
import { describe, expect, it } from 'vitest';
import { openDemoShop } from '../../src/demo/generator.ts';
import { type DayReport, type SentEvent, runLoop } from '../../src/demo/loop.ts';
import { createSimulation } from '../../src/demo/simulation.ts';
import { checkEvent } from '../../src/ingest/validate.ts';
import { hashText } from '../../src/model/hash.ts';
import type { EventTypeRule } from '../../src/model/interactions.ts';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 2, 1);
const SIZE = { users: 120, items: 150, historyDays: 2, days: 4 };

async function simulate(seed: number, orderOf: (userId: string, itemIds: string[]) => string[], size = SIZE) {
  const { users, items, historyDays, days } = size;
  const opened = openDemoShop({ seed, users, items, days: historyDays + days, endMs: START_MS + (historyDays + days) * DAY_MS });
  const simulation = createSimulation(opened, seed, new Set());
  const out = new Map<string, string | null>();
  const events: SentEvent[] = [];
  const reports: DayReport[] = [];
  const steps: string[] = [];
  let version = 0;
  await runLoop({
    simulation, startMs: START_MS, historyDays, days, listLength: 10,
    onDayBegins: (day) => void steps.push(`day ${day}`),
    onDay: (report) => void reports.push(report),
    service: {
      putItems: async (put) => put.forEach(({ item, publishedAt }) => out.set(item.itemId, publishedAt)),
      sendEvents: async (sent) => void events.push(...sent),
      recommend: async (userId, length) => ({ recommendationId: `for ${userId}`, modelVersion: version, itemIds: orderOf(userId, [...out.keys()]).slice(0, length) }),
      trending: async (length) => [...out.keys()].slice(0, length),
      train: async () => {
        steps.push('train');
        return { state: 'published', code: null, modelVersion: ++version };
      },
    },
  });
  return { out, events, reports, steps };
}

const asTheyAre = (_: string, itemIds: string[]) => itemIds;
const shuffled = (userId: string, itemIds: string[]) => itemIds.toSorted((a, b) => hashText(userId + a) - hashText(userId + b));

describe('the simulated loop', () => {
  it('comes out the same with the same seed and the same lists, and otherwise with another seed', async () => {
    const [one, again, other] = await Promise.all([simulate(7, shuffled), simulate(7, shuffled), simulate(8, shuffled)]);
    expect(again).toEqual(one);
    expect(other.events).not.toEqual(one.events);
    expect(one.reports.map(({ day, lists, modelVersion }) => [day, lists > 10, modelVersion])).toEqual([[1, true, 1], [2, true, 2], [3, true, 3], [4, true, 4]]);
    expect(one.steps).toEqual(['day -1', 'day 0', 'train', 'day 1', 'train', 'day 2', 'train', 'day 3', 'train', 'day 4', 'train']);
  });

  it('sends events that the service takes, with the list they came of, in the day they belong to', async () => {
    const { events, out } = await simulate(7, shuffled);
    const types = new Map<string, EventTypeRule>(['view', 'cart', 'purchase', 'rating'].map((name, n) => [name, { typeNo: n + 1, name, weight: 1, mode: name === 'rating' ? 'latest' : 'sum', halfLifeDays: null, threshold: null, useValue: false, hidesDays: 0 }]));
    const lists = { read: () => ({ listedAtMs: START_MS, scenarioNo: 0, variantNo: 0, modelVersion: 1, bucket: 0, sourceNo: 0, length: 10 }), noteFault: () => undefined };
    const faults = events.map((event) => checkEvent(event, types, null, START_MS + 7 * DAY_MS, lists)).filter((result) => !('event' in result));
    expect(faults).toEqual([]);
    const fromLists = events.filter(({ recommendationId }) => recommendationId !== undefined);
    expect(fromLists.length).toBeGreaterThan(20);
    expect(fromLists.every(({ recommendationId, userId, position }) => recommendationId === `for ${userId}` && position! >= 1 && position! <= 10)).toBe(true);
    // Most of what shoppers do they do by themselves: else there would be nothing to learn but what was shown.
    expect(fromLists.length).toBeLessThan(0.5 * events.length);
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['view', 'cart', 'purchase', 'rating']));
    for (const { itemId, occurredAt } of events) {
      const publishedAt = out.get(itemId);
      expect(publishedAt === null || publishedAt! <= occurredAt).toBe(true);
    }
  });

  it('lets items come out day by day, and counts what lists could have had and what they had', async () => {
    const { out, reports } = await simulate(7, asTheyAre);
    // Those of the last day's later hours would be next.
    expect(out.size).toBeGreaterThan(140);
    expect(out.size).toBeLessThanOrEqual(150);
    const later = [...out.values()].filter((publishedAt) => publishedAt !== null && publishedAt > new Date(START_MS).toISOString());
    expect(later.length).toBeGreaterThan(10);
    expect(later.every((publishedAt) => publishedAt!.endsWith('T00:00:00.000Z'))).toBe(true);
    expect(reports.map(({ offered }) => offered)).toEqual(reports.map(({ offered }) => offered).toSorted((a, b) => a - b));
    expect(reports.map(({ shown }) => shown)).toEqual([10, 10, 10, 10]);
  });

  it('gives the arms the same shoppers and the same luck: a service that lists what is trending is clicked as trending is', async () => {
    const { reports } = await simulate(7, asTheyAre);
    for (const { rates } of reports) {
      // But for what single shoppers have bought.
      expect(Math.abs(rates.model.clicks - rates.trending.clicks)).toBeLessThanOrEqual(1 + 0.2 * rates.trending.clicks);
      expect(rates.oracle.clicks).toBeGreaterThan(1.5 * rates.model.clicks);
    }
  });

  it('has the same visits and the same finds whatever is listed', async () => {
    const [one, other] = await Promise.all([simulate(7, asTheyAre), simulate(7, shuffled)]);
    const alone = ({ events }: typeof one) => events.filter(({ recommendationId }) => recommendationId === undefined);
    expect(alone(one)).toEqual(alone(other));
    expect(one.reports.map(({ rates }) => rates.model.clicks)).not.toEqual(other.reports.map(({ rates }) => rates.model.clicks));
  });

  it('stops where the service lists something that is not of the shop', async () => {
    await expect(simulate(7, () => ['mine'])).rejects.toThrow('item "mine"');
  });
});
