/**
 * More requests than there is time for, told turn by turn of the event loop.
 *
 * What comes at once is read in one turn, one request after the other, so the last one waits for all before it: the queue is the turn. Where turns have followed one another without a pause, each longer than
 * `LONG_TURN_MS`, at least `SUSTAINED_TURNS` of them and for `SUSTAINED_MS`, more comes than can be answered. From then on a turn answers for `BUDGET_MS` and refuses the rest of what lies there, which costs little, so that whoever is answered was
 * not kept waiting and whoever is not hears of it at once. It ends when nothing had to be refused for `CALM_MS`. A single long turn, a collection of garbage or a model that goes live, refuses nobody, nor does what has gathered meanwhile.
 */
export interface Admission {
  /** Whether a request that has just been read may be taken. */
  admits(): boolean;
}

/** A hundred connections that ask for heavy lists all the time make turns of 60 ms and are well served. */
const LONG_TURN_MS = 120;
/** Between two turns under load there is none longer, nor one of more than half a turn: answers are written there. */
const PAUSE_MS = 10;
const SUSTAINED_MS = 400;
const SUSTAINED_TURNS = 3;
const BUDGET_MS = 10;
const CALM_MS = 1_000;

/** @param endOfTurn calls back when everything that came has been read */
export function createAdmission(now: () => number = () => performance.now(), endOfTurn: (work: () => void) => void = setImmediate): Admission {
  let inTurn = false;
  let turnMs = 0;
  let endedMs = 0;
  let congestedMs: number | null = null;
  let longTurns = 0;
  let sheds = false;
  let refusedMs = 0;

  function end(): void {
    inTurn = false;
    endedMs = now();
    if (sheds) {
      sheds = endedMs - refusedMs < CALM_MS;
      congestedMs = null;
    } else if (endedMs - turnMs < LONG_TURN_MS) {
      congestedMs = null;
    } else {
      longTurns = congestedMs === null ? 1 : longTurns + 1;
      congestedMs ??= turnMs;
      if (longTurns >= SUSTAINED_TURNS && endedMs - congestedMs >= SUSTAINED_MS) {
        sheds = true;
        refusedMs = endedMs;
      }
    }
  }

  return {
    admits() {
      const nowMs = now();
      if (!inTurn) {
        if (nowMs - endedMs > Math.max(PAUSE_MS, (endedMs - turnMs) / 2)) {
          congestedMs = null;
        }
        inTurn = true;
        turnMs = nowMs;
        endOfTurn(end);
        return true;
      }
      if (!sheds || nowMs - turnMs <= BUDGET_MS) {
        return true;
      }
      refusedMs = nowMs;
      return false;
    },
  };
}
