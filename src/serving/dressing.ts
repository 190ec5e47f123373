/** The items of a page, and what they bring along where it is asked for: catalogue fields, and why each is there. */
import type { Answer, AnswerItem } from './answers.ts';
import type { Explainer, Reason } from './explain.ts';
import type { FieldReader } from './fields.ts';
import { type Entry, type Plan, type Source, roundScore } from './lists.ts';
import type { Field, Steered } from './steering.ts';
import type { Tally } from './tally.ts';

/** An item of a list that is of this source. */
export function shape(entry: Entry, source: Source): AnswerItem {
  const item: AnswerItem = { itemId: entry.itemId, score: Number.isNaN(entry.score) ? null : roundScore(entry.score) };
  if (entry.source !== source) {
    item.source = entry.source;
  }
  return item;
}

/** Adds to an answer what its steering asks for. Synchronous where nothing has to be read. */
export type Dresser = (made: Answer, plan: Plan, page: readonly Entry[], asked: Pick<Steered, 'reasons' | 'fields'>) => Answer | Promise<Answer>;

export function createDresser(fieldReader: FieldReader, explainer: Explainer, tally: Pick<Tally, 'markStale'>): Dresser {
  /** Reasons of a page. What fills a list up is there for reasons of its own, or for none that could be told. */
  function explain(plan: Plan, page: readonly Entry[]): Reason[][] | Promise<Reason[][]> {
    const { next } = plan;
    const reasonsOf = ({ because, source }: Plan) => {
      const itemIds = page.filter((entry) => entry.source === source || (entry.source === 'pinned' && source === plan.source)).map(({ itemId }) => itemId);
      const reasons = because === null || itemIds.length === 0 ? [] : explainer.explainList(because, itemIds);
      const byItem = (lists: readonly Reason[][]) => new Map(lists.map((list, n) => [itemIds[n], list]));
      return reasons instanceof Promise ? reasons.then(byItem) : byItem(reasons);
    };
    const inPage = (...lists: readonly ReadonlyMap<string, Reason[]>[]) => page.map(({ itemId }) => lists.find((list) => list.has(itemId))?.get(itemId) ?? []);
    const own = reasonsOf(plan);
    if (next !== null) {
      return Promise.all([own, reasonsOf(next)]).then((lists) => inPage(...lists));
    }
    return own instanceof Promise ? own.then(inPage) : inPage(own);
  }

  function addFields(made: Answer, fields: readonly Field[]): Answer | Promise<Answer> {
    const withFields = (): Answer => {
      const isWhole = made.items.every(({ itemId }) => fieldReader.knows(itemId, fields));
      const items = made.items.map((item) => ({ ...item, ...fieldReader.fieldsOf(item.itemId, fields) }));
      const whole = { ...made, items };
      return isWhole ? whole : tally.markStale(whole);
    };
    const missing = made.items.filter(({ itemId }) => !fieldReader.knows(itemId, fields));
    return missing.length === 0 ? withFields() : fieldReader.load(missing.map(({ itemId }) => itemId)).then(withFields);
  }

  return (made, plan, page, asked) => {
    if (!asked.reasons) {
      return asked.fields.length === 0 ? made : addFields(made, asked.fields);
    }
    const add = (reasons: Reason[][]) => {
      made.items.forEach((item, n) => {
        item.reasons = reasons[n];
      });
      return asked.fields.length === 0 ? made : addFields(made, asked.fields);
    };
    const reasons = explain(plan, page);
    return reasons instanceof Promise ? reasons.then(add) : add(reasons);
  };
}
