/** A list as it is asked for: the former one stays while the next is on its way, or where it is refused. */
import { useRef } from '../../lib/preact.js';
import { useAnswer, useSettled } from '../../answers.js';

const SETTLE_MS = 250;

/**
 * @param {string | null} path null: nothing to ask yet
 * @param {object} body
 * @returns {{ list: any, error: any, isOld: boolean, asked: { path: string, body: object }, reload: () => Promise<void> }} `isOld`: the list is of a former question to the same path
 */
export function useList(path, body) {
  const text = useSettled(JSON.stringify(body), SETTLE_MS);
  const question = useAnswer(path, { body: JSON.parse(text) });
  const kept = useRef({ path: null, list: null });
  if (question.answer !== null) {
    kept.current = { path, list: question.answer };
  } else if (kept.current.path !== path) {
    kept.current = { path, list: null };
  }
  return { list: kept.current.list, error: question.error, isOld: question.answer === null, asked: { path, body: JSON.parse(text) }, reload: question.reload };
}
