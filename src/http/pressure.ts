/**
 * What is refused when there is too much: a process that cannot keep up says so at once, to whoever can best come again.
 *
 * Every half a second it is asked how late the event loop was on average, and how much of the heap is used. Each threshold that is passed closes one kind more: imports, training and whatever else can wait
 * (`first`), then data, settings and pages (`middle`), at last answers (`last`). Health is never refused. It goes up at once, and down by a step only after two seconds that were calmer.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { FastifyInstance } from 'fastify';
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
}

export interface Pressure {
  level(): Level;
  stop(): void;
}

const LIMITS: readonly Load[] = [{ delayMs: 100, heap: 0.85 }, { delayMs: 500, heap: 0.92 }, { delayMs: 2000, heap: 0.97 }];
const RANK: Readonly<Record<Shed, number>> = { first: 1, middle: 2, last: 3, never: 4 };
const SAMPLE_MS = 500;
const CALM_SAMPLES = 4;
const RESOLUTION_MS = 10;

/** The level after a sample, and how many calmer ones in a row it follows. */
export function nextLevel(level: Level, calm: number, { delayMs, heap }: Load): { level: Level; calm: number } {
  const now = LIMITS.filter((limit) => delayMs >= limit.delayMs || heap >= limit.heap).length as Level;
  if (now >= level) {
    return { level: now, calm: 0 };
  }
  return calm + 1 < CALM_SAMPLES ? { level, calm: calm + 1 } : { level: (level - 1) as Level, calm: 0 };
}

/** @param onChange is told when the level changes */
export function createPressure(onChange: (level: Level, load: Load) => void): Pressure {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let level: Level = 0;
  let calm = 0;
  const timer = setInterval(() => {
    const { used_heap_size: used, heap_size_limit: most } = getHeapStatistics();
    // Without a delay in it the histogram has no mean; what it measures includes its own waiting.
    const load: Load = { delayMs: Math.max(0, (delays.count === 0 ? 0 : delays.mean / 1e6) - RESOLUTION_MS), heap: used / most };
    delays.reset();
    const before = level;
    ({ level, calm } = nextLevel(level, calm, load));
    if (level !== before) {
      onChange(level, load);
    }
  }, SAMPLE_MS);
  timer.unref();
  return {
    level: () => level,
    stop() {
      clearInterval(timer);
      delays.disable();
    },
  };
}

export function installShedding(app: FastifyInstance, pressure: Pick<Pressure, 'level'>): void {
  app.addHook('onRoute', (route) => {
    const tags = (route.schema as { tags?: readonly string[] } | undefined)?.tags ?? [];
    route.config = { ...route.config, shed: route.config?.shed ?? (tags.includes('answers') ? 'last' : 'middle') };
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const level = pressure.level();
    if (level > 0 && RANK[request.routeOptions.config.shed ?? 'middle'] <= level) {
      done(new Problem('overloaded', 'The service cannot keep up; what can wait is refused first.'));
      return;
    }
    done();
  });
}
