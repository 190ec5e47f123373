/**
 * More requests than there is time for, told turn by turn of the event loop.
 *
 * What comes at once is read in one turn, one request after the other, so the last one waits for all before it: the queue is the turn, with all that is done in it. Where turns have followed one another without a pause, each longer than
 * `LONG_TURN_MS`, at least `SUSTAINED_TURNS` of them and for `SUSTAINED_MS`, more comes than can be answered. From then on a turn takes what can be done in `BUDGET_MS`, by the clock and by what requests have
 * cost of late, and refuses the rest of what lies there, which costs little, so that whoever is answered was not kept waiting and whoever is not hears of it at once. It ends when nothing had to
 * be refused for `CALM_MS`. A single long turn, a collection of garbage or a model that goes live, refuses nobody, nor does what has gathered meanwhile.
 */
export interface Admission {
  /** Whether a request that has just been read may be taken. */
  admits(): boolean;
}

/** A hundred connections that ask for heavy lists all the time make turns of 60 ms and are well served. */
const LONG_TURN_MS = 120;
/** Of a turn's time; where more of it was spent waiting, there was time. */
const IDLE_SHARE = 0.25;
const SUSTAINED_MS = 400;
const SUSTAINED_TURNS = 3;
const BUDGET_MS = 10;
/** Of the work that what was taken still makes after its turn. */
const WORK_MS = 20;
/** How much a turn tells of what one request costs. */
const COST_WEIGHT = 0.2;
const CALM_MS = 1_000;

/**
 * @param endOfTurn calls back when everything that came has been read
 * @param idle for how long the event loop has waited so far, ms
 */
export function createAdmission(now: () => number = () => performance.now(), endOfTurn: (work: () => void) => void = setImmediate, idle: () => number = () => performance.eventLoopUtilization().idle): Admission {
  let isReading = false;
  let turnMs = now();
  let idleMs = idle();
  let congestedMs: number | null = null;
  let longTurns = 0;
  let sheds = false;
  let refusedMs = 0;
  /** What a request that was taken has cost of late, ms, with all that was done meanwhile. Much of it is done after the turn: a body is parsed and stored when it has come. */
  let costMs = 0;
  let taken = 0;

  function end(): void {
    isReading = false;
  }

  /** A turn begins: how was the one before, from its first request to here? */
  function begin(nowMs: number): void {
    const tookMs = nowMs - turnMs;
    const nowIdleMs = idle();
    const wasIdle = nowIdleMs - idleMs > tookMs * IDLE_SHARE;
    if (taken > 0) {
      costMs += COST_WEIGHT * ((tookMs - (nowIdleMs - idleMs)) / taken - costMs);
    }
    taken = 0;
    if (sheds) {
      sheds = nowMs - refusedMs < CALM_MS;
      congestedMs = null;
    } else if (wasIdle || tookMs < LONG_TURN_MS) {
      congestedMs = null;
    } else {
      longTurns = congestedMs === null ? 1 : longTurns + 1;
      congestedMs ??= turnMs;
      if (longTurns >= SUSTAINED_TURNS && nowMs - congestedMs >= SUSTAINED_MS) {
        sheds = true;
        refusedMs = nowMs;
      }
    }
    turnMs = nowMs;
    idleMs = nowIdleMs;
    isReading = true;
    endOfTurn(end);
  }

  return {
    admits() {
      const nowMs = now();
      if (!isReading) {
        begin(nowMs);
      } else if (sheds && (nowMs - turnMs > BUDGET_MS || taken * costMs > WORK_MS)) {
        refusedMs = nowMs;
        return false;
      }
      taken++;
      return true;
    },
  };
}
