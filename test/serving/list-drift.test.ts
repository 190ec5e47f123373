import { describe, expect, it, vi } from 'vitest';
import type { LiveModel } from '../../src/serving/live-model.ts';
import { createListDriftWatch } from '../../src/serving/list-drift.ts';

/** A model whose user n has the list `listOf(n)` of item numbers. */
function modelOf(version: number, userNos: readonly number[], listOf: (userNo: number) => readonly number[]): LiveModel {
  const itemNos = Int32Array.from({ length: 500 }, (_, n) => 10 * version + n);
  const data = Float32Array.from(userNos);
  return {
    version, userNos: Int32Array.from(userNos), itemNos, stride: 1, userFactors: { data, stride: 1 }, rowStart: new Int32Array(userNos.length + 1), history: {},
    scan: {
      rank({ vector, limit, mask }: { vector: ArrayLike<number>; limit: number; mask: number }) {
        expect(mask).toBe(version);
        const items = listOf(vector[0]).slice(0, limit).map((no) => itemNos.indexOf(no));
        return { count: items.length, items, scores: items };
      },
    },
  } as unknown as LiveModel;
}

const range = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n);

describe('lists of two versions', () => {
  const compare = async (before: LiveModel, after: LiveModel) => {
    const told: object[] = [];
    const watch = createListDriftWatch((model) => model.version, (_, detail) => told.push(detail));
    expect(watch.latest()).toBeNull();
    watch.compare(before, after);
    await vi.waitFor(() => expect(told).toHaveLength(1));
    return watch.latest();
  };

  it('are compared of the shoppers whom both know, item by item and not by where it lies', async () => {
    const before = modelOf(1, [1, 3, 5, 7], () => range(100, 20));
    const after = modelOf(2, [2, 3, 4, 7], (user) => (user === 3 ? range(100, 20) : range(110, 20)));
    expect(await compare(before, after)).toEqual({ fromVersion: 1, toVersion: 2, shoppers: 2, overlap: 0.75, rankBiasedOverlap: expect.any(Number), itemsBefore: 20, itemsAfter: 30 });
  });

  it('are compared of two hundred shoppers at most, from all over', async () => {
    const asked = new Set<number>();
    const users = range(1, 5_000);
    const drift = await compare(modelOf(1, users, () => range(100, 20)), modelOf(2, users, (user) => {
      asked.add(user);
      return range(100, 20);
    }));
    expect(drift).toMatchObject({ shoppers: 200, overlap: 1, rankBiasedOverlap: 1 });
    expect(asked.size).toBe(200);
    expect([Math.min(...asked), Math.max(...asked)]).toEqual([1, 4_976]);
  });

  it('that know nobody in common say nothing, and a fault of it is told', async () => {
    const told: [string, boolean | undefined][] = [];
    const watch = createListDriftWatch(() => { throw new Error('no slot'); }, (message, _, failed) => told.push([message, failed]));
    watch.compare(modelOf(1, [1], () => []), modelOf(2, [2], () => []));
    watch.compare(modelOf(1, [1], () => []), modelOf(2, [1], () => []));
    await vi.waitFor(() => expect(told).toEqual([['lists of two versions could not be compared', true]]));
    expect(watch.latest()).toBeNull();
  });
});
