/** What the service answers, as a component sees it: asked for when it is first drawn, again when the path changes, and every so often while somebody looks. */
import { useCallback, useEffect, useRef, useState } from './lib/preact.js';
import { call } from './api.js';

const NOTHING = { question: undefined, answer: null, error: null };

/**
 * @param {string | null} path as for `call`; null: nothing is asked
 * @param {{ every?: number, body?: unknown }} options `every`: milliseconds between two answers, 0 for once; none is asked for while the page is hidden. `body`: sent by POST instead
 * @returns {{ answer: any, error: import('./api.js').Refusal | null, loading: boolean, reload: () => Promise<void> }} an answer stays while the next one to the same question is on its way, or
 *   could not be had (then with `error` beside it); `loading` is true only while there is neither
 */
export function useAnswer(path, { every = 0, body } = {}) {
  const question = path === null ? null : body === undefined ? path : `${path} ${JSON.stringify(body)}`;
  const [state, setState] = useState(NOTHING);
  const turn = useRef(0);
  const aborter = useRef(null);

  const reload = useCallback(async () => {
    if (path === null) {
      return;
    }
    const mine = ++turn.current;
    aborter.current?.abort();
    aborter.current = new AbortController();
    try {
      const answer = await (body === undefined ? call('GET', path, undefined, aborter.current) : call('POST', path, body, aborter.current));
      if (mine === turn.current) {
        setState({ question, answer, error: null });
      }
    } catch (error) {
      if (mine === turn.current && error.name !== 'AbortError') {
        setState((former) => ({ question, answer: former.question === question ? former.answer : null, error }));
      }
    }
  }, [question]);

  useEffect(() => {
    void reload();
    const onLook = () => document.hidden || void reload();
    const timer = every > 0 ? setInterval(onLook, every) : undefined;
    if (every > 0) {
      document.addEventListener('visibilitychange', onLook);
    }
    return () => {
      turn.current++;
      aborter.current?.abort();
      clearInterval(timer);
      document.removeEventListener('visibilitychange', onLook);
    };
  }, [question, every]);

  const isOfThis = state.question === question && question !== null;
  return { answer: isOfThis ? state.answer : null, error: isOfThis ? state.error : null, loading: question !== null && !isOfThis, reload };
}

/** @returns {any} the latest value that stood still for `ms`: what is typed is not asked about letter by letter */
export function useSettled(value, ms = 250) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
