/** A training run as it goes, told by the service. */
import { useEffect, useState } from './lib/preact.js';
import { call, follow } from './api.js';

const AGAIN_MS = 1_500;
const NOTHING_YET = { phase: null, progress: 0, secondsLeft: null, trials: [], points: [], isCut: false };

/** Each has its place, since a connection that was cut begins from the first again. */
function withPlaced(list, index, entry) {
  const next = list.slice();
  next[index] = entry;
  return next;
}

/**
 * @param {number} runNo a run that is under way
 * @param {(end: { state: string, version: number | null }) => void} onEnd called once
 * @returns {{ phase: string | null, progress: number, secondsLeft: number | null, trials: any[], points: any[], isCut: boolean }} `progress`: 0 to 1; trials of the search and points of the learning
 *   curves as they have come so far; `isCut`: nothing is heard of it for now
 */
export function useProgress(runNo, onEnd) {
  const [state, setState] = useState(NOTHING_YET);
  useEffect(() => {
    setState(NOTHING_YET);
    let stop = () => undefined;
    let timer;
    const change = (changes) => setState((former) => ({ ...former, isCut: false, ...(typeof changes === 'function' ? changes(former) : changes) }));
    const begin = () => {
      stop = follow(`v1/training-runs/${runNo}/progress`, {
        progress: change,
        point: ({ kind, index, ...entry }) => change((former) => (kind === 'trial' ? { trials: withPlaced(former.trials, index, entry) } : { points: withPlaced(former.points, index, entry) })),
        end: onEnd,
      }, () => {
        change({ isCut: true });
        timer = setTimeout(look, AGAIN_MS);
      });
    };
    // A stream that is refused does not say why. What it is of may have ended meanwhile, and so may the session.
    const look = async () => {
      const run = await call('GET', `v1/training-runs/${runNo}`).catch(() => null);
      if (run !== null && run.state !== 'running') {
        onEnd(run);
      } else {
        begin();
      }
    };
    begin();
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [runNo]);
  return state;
}
