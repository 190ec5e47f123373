import { expect, it } from 'vitest';
import { createRandom } from '../../src/model/random.ts';
import { trainInThread } from '../../src/training/threads/thread.ts';
import { columnsOf, ruleOf, type TestEvent } from '../model/events.ts';

const idsOf = (nos: Int32Array, prefix: string) => {
  const texts = Array.from(nos, (no) => Buffer.from(`${prefix}${no}`));
  return { nos, offsets: Uint32Array.from([0, ...texts.map((_, n) => texts.slice(0, n + 1).reduce((sum, text) => sum + text.length, 0))]), bytes: new Uint8Array(Buffer.concat(texts)) };
};
const numbers = (column: Int32Array) => Int32Array.from(new Set(column)).sort();

it('a training that is told to leaves bursts out before anything else, and says so', async () => {
  const random = createRandom(1);
  const events = Array.from({ length: 3000 }, (_, n): TestEvent => ({ user: 1 + (n % 400), item: 1 + random.integer(40), day: n / 30 }));
  for (let fake = 0; fake < 30; fake++) events.push({ user: 1000 + fake, item: 99, day: 100 + fake / 2000 });
  const train = async (leaveOutBursts: boolean) => {
    const columns = columnsOf(events);
    const [users, items] = [idsOf(numbers(columns.user), 'u'), idsOf(numbers(columns.item), 'i')];
    const job = { columns, rules: [ruleOf()], users, items, live: null, settings: { gate: null }, leaveOutBursts };
    return (await trainInThread(job, new AbortController().signal, {}, { threads: 1, kernel: 'auto' })).report;
  };
  expect(await train(true)).toMatchObject({ events: 3000, users: 400, items: 40, leftOut: { events: 30, users: 30, items: [{ itemNo: 99, users: 30 }] } });
  expect(await train(false)).toMatchObject({ events: 3030, users: 430, items: 41, leftOut: null, quietUsers: 30 });
});
