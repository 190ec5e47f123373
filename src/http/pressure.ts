/**
 * What is refused when there is too much: a process that cannot keep up says so at once, to whoever can best come again.
 *
 * Every half a second it is asked how late the event loop was on average, how much of the heap is used, and how many wait for a connection to Postgres, which never closes answers. Each threshold that is passed closes one kind more: imports, training and whatever else can wait
 * (`first`), then data, settings and pages (`middle`), at last answers (`last`). Health is never refused. Two samples in a row must agree before it goes up, since loading a model may hold
 * the loop once; down it goes by a step after two seconds that were calmer.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { FastifyInstance } from 'fastify';
import type { Admission } from './admission.ts';
import { type Histogram, createHistogram } from '../insight/histogram.ts';
import { Problem } from './problems.ts';

export type Shed = 'first' | 'middle' | 'last' | 'never';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** When the route is refused under load. Without it: `last` for answers, `middle` for all others. */
    shed?: Shed;
  }
}

/** How many kinds are refused, 0 to 3. */
export type Level = 0 | 1 | 2 | 3;

export interface Load {
  /** Mean of the last half second, ms. */
  readonly delayMs: number;
  /** Used share of the heap that V8 may have. */
  readonly heap: number;
  /** How many wait for a connection of the pool. */
  readonly waiting: number;
}

export interface Pressure {
  level(): Level;
  /** The longest delay of each half a second, seconds. */
  readonly delays: Histogram;
  stop(): void;
}

const LIMITS: readonly Load[] = [{ delayMs: 100, heap: 0.85, waiting: 50 }, { delayMs: 500, heap: 0.92, waiting: 200 }, { delayMs: 2000, heap: 0.97, waiting: Infinity }];
const RANK: Readonly<Record<Shed, number>> = { first: 1, middle: 2, last: 3, never: 4 };
const SAMPLE_MS = 500;
const CALM_SAMPLES = 4;
const RESOLUTION_MS = 10;
const DELAY_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export const OVERLOADED = 'The service cannot keep up; what can wait is refused first.';

export interface PressureState {
  readonly level: Level;
  /** How many calmer samples in a row. */
  readonly calm: number;
  /** What the latest sample asked for. */
  readonly asked: Level;
}

export const NO_PRESSURE: PressureState = { level: 0, calm: 0, asked: 0 };

export function nextState({ level, calm, asked: before }: PressureState, { delayMs, heap, waiting }: Load): PressureState {
  const asked = LIMITS.filter((limit) => delayMs >= limit.delayMs || heap >= limit.heap || waiting >= limit.waiting).length as Level;
  if (asked >= level) {
    return { level: Math.max(level, Math.min(asked, before)) as Level, calm: 0, asked };
  }
  return calm + 1 < CALM_SAMPLES ? { level, calm: calm + 1, asked } : { level: (level - 1) as Level, calm: 0, asked };
}

/**
 * @param waiting how many wait for a connection of the pool
 * @param onChange is told when the level changes
 */
export function createPressure(waiting: () => number, onChange: (level: Level, load: Load) => void): Pressure {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const longest = createHistogram(DELAY_BOUNDS);
  let state = NO_PRESSURE;
  const timer = setInterval(() => {
    const { used_heap_size: used, heap_size_limit: most } = getHeapStatistics();
    // Without a delay in it the histogram has no mean; what it measures includes its own waiting.
    const load: Load = { delayMs: Math.max(0, (delays.count === 0 ? 0 : delays.mean / 1e6) - RESOLUTION_MS), heap: used / most, waiting: waiting() };
    longest.note(delays.count === 0 ? 0 : Math.max(0, delays.max / 1e6 - RESOLUTION_MS) / 1000);
    delays.reset();
    const before = state.level;
    state = nextState(state, load);
    if (state.level !== before) {
      onChange(state.level, load);
    }
  }, SAMPLE_MS);
  timer.unref();
  return {
    level: () => state.level,
    delays: longest,
    stop() {
      clearInterval(timer);
      delays.disable();
    },
  };
}

export function installShedding(app: FastifyInstance, pressure: Pick<Pressure, 'level'>, admission: Admission): void {
  app.addHook('onRoute', (route) => {
    const tags = (route.schema as { tags?: readonly string[] } | undefined)?.tags ?? [];
    route.config = { ...route.config, shed: route.config?.shed ?? (tags.includes('answers') ? 'last' : 'middle') };
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const level = pressure.level();
    const rank = RANK[request.routeOptions.config.shed ?? 'middle'];
    if (rank < RANK.never && (rank <= level || !admission.admits())) {
      done(new Problem('overloaded', OVERLOADED));
      return;
    }
    done();
  });
}
