/**
 * Looking at an experiment while it runs, honestly: group-sequential tests by error spending.
 *
 * Whoever looks often and stops at the first difference that seems significant finds one in every third experiment in which there is none. A spending function says how much of the error may be used up
 * by a share t of what was planned; at each look the boundary is what makes the chance to have crossed any boundary so far, without a difference, just that (Lan, DeMets 1983). Looks may come at any time
 * that does not depend on the difference itself. Spent is as O'Brien and Fleming's boundaries would, little at first and nearly all at the end, so that the last boundary is close to that of a single look:
 *
 *   one side, level α:   α(t) = 2 − 2Φ(z_{1−α/2} / √t)         two sides: twice that at α/2
 *
 * Boundaries are found by recursion over the density of what has not crossed yet (Armitage, McPherson, Rowe 1969; Jennison, Turnbull 2000, ch. 19), on the scale S = z√I, on which looks differ by
 * independent normal steps of variance ΔI.
 */
import { normalQuantile, normalShare } from './normal.ts';

export interface SequentialTest {
  /** α, over all looks. */
  readonly level: number;
  /** 1: large values alone cross. */
  readonly sides: 1 | 2;
}

export interface Look {
  /** I = 1 / variance of the estimate, in any unit that is the same for all looks. */
  readonly information: number;
  /** t, 0 … 1: of the error this much of the plan may have spent. */
  readonly time: number;
}

/** Points of a density; odd, for Simpson's rule. */
const POINTS = 161;
/** Beyond so many standard deviations nothing is looked for. */
const FAR = 6;
/** Less is noise of `normalShare`: it is left for the next look. */
const LEAST_SPENT = 1e-6;
/** A look with less new information than this share of all tests nothing: the grid could not tell its step. */
const LEAST_STEP = 0.005;

/** α(t). */
export function spentBy({ level, sides }: SequentialTest, time: number): number {
  const alpha = level / sides;
  return time <= 0 ? 0 : time >= 1 ? level : sides * Math.min(alpha, 2 - 2 * normalShare(normalQuantile(1 - alpha / 2) / Math.sqrt(time)));
}

/** What has not crossed yet: density of S at evenly spaced points. */
interface Continuing {
  readonly information: number;
  readonly low: number;
  readonly step: number;
  /** With Simpson's weights. */
  readonly mass: Float64Array;
}

const START: Continuing = { information: 0, low: 0, step: 0, mass: Float64Array.of(1) };

/** Chance that the next S is above `bound`. */
function chanceAbove({ low, step, mass }: Continuing, deviation: number, drift: number, bound: number): number {
  let chance = 0;
  for (let k = 0; k < mass.length; k++) {
    chance += mass[k] * normalShare((low + k * step + drift - bound) / deviation);
  }
  return chance;
}

/** What stays between two bounds after a step. */
function carryOn(before: Continuing, information: number, drift: number, low: number, high: number): Continuing {
  const deviation = Math.sqrt(information - before.information);
  const step = (high - low) / (POINTS - 1);
  const mass = new Float64Array(POINTS);
  const scale = 1 / (deviation * Math.sqrt(2 * Math.PI));
  const last = before.mass.length - 1;
  for (let k = 0; k < POINTS; k++) {
    const at = low + k * step - before.low - drift;
    // Only what lies near enough to have come from there.
    const from = before.step > 0 ? Math.max(0, Math.ceil((at - FAR * deviation) / before.step)) : 0;
    const to = before.step > 0 ? Math.min(last, Math.floor((at + FAR * deviation) / before.step)) : last;
    let density = 0;
    for (let j = from; j <= to; j++) {
      const distance = (at - j * before.step) / deviation;
      density += before.mass[j] * Math.exp(-0.5 * distance * distance);
    }
    mass[k] = density * scale * (k === 0 || k === POINTS - 1 ? step / 3 : k % 2 === 1 ? (4 * step) / 3 : (2 * step) / 3);
  }
  return { information, low, step, mass };
}

/** Whether a look brings enough beside those before it to be one. */
export function isLook(information: number, before: number): boolean {
  return information > 0 && information - before >= LEAST_STEP * information;
}

/** The least information of a look after one with `before`. */
export function nextInformation(before: number): number {
  return before / (1 - 1.01 * LEAST_STEP);
}

/** Boundaries one after the other, as looks come. */
export interface Boundaries {
  /**
   * The boundary of the next look for z: crossed where |z| (two sides) or z (one side) is at least that.
   *
   * @param look not before those that were given
   * @returns Infinity where it tests nothing: it brings next to no new information, or next to nothing may be spent yet
   */
  next(look: Look): number;
}

export function openBoundaries(test: SequentialTest): Boundaries {
  let continuing = START;
  let spent = 0;
  /** The first look's information: in units of it numbers are of one size. */
  let unit = 0;
  return {
    next(look) {
      unit = unit || look.information;
      const information = look.information / unit;
      if (!isLook(information, continuing.information)) {
        return Number.POSITIVE_INFINITY;
      }
      const root = Math.sqrt(information);
      const deviation = Math.sqrt(information - continuing.information);
      const exit = (spentBy(test, look.time) - spent) / test.sides;
      let bound = Number.POSITIVE_INFINITY;
      if (exit > LEAST_SPENT) {
        let [low, high] = [0, FAR];
        for (let i = 0; i < 40; i++) {
          const middle = (low + high) / 2;
          [low, high] = chanceAbove(continuing, deviation, 0, middle * root) > exit ? [middle, high] : [low, middle];
        }
        bound = high;
        spent += test.sides * exit;
      }
      const reach = Math.min(bound, FAR) * root;
      continuing = carryOn(continuing, information, 0, test.sides === 2 ? -reach : -FAR * root, reach);
      return bound;
    },
  };
}

/** Of several looks in their order. */
export function boundariesOf(test: SequentialTest, looks: readonly Look[]): Float64Array {
  const boundaries = openBoundaries(test);
  return Float64Array.from(looks, (look) => boundaries.next(look));
}

/**
 * Chance to cross a boundary at any of the looks where the estimate is `drift` standard errors from 0 at information 1: z has mean drift · √I. Information counts as it is given.
 *
 * @param bounds as `boundariesOf` gives them
 */
export function crossingChance({ sides }: SequentialTest, looks: readonly Look[], bounds: ArrayLike<number>, drift: number): number {
  let continuing = START;
  let crossed = 0;
  for (let n = 0; n < looks.length; n++) {
    const { information } = looks[n];
    const step = information - continuing.information;
    if (!isLook(information, continuing.information)) {
      continue;
    }
    const root = Math.sqrt(information);
    const deviation = Math.sqrt(step);
    if (bounds[n] < FAR) {
      const bound = bounds[n] * root;
      crossed += chanceAbove(continuing, deviation, drift * step, bound) + (sides === 2 ? totalOf(continuing) - chanceAbove(continuing, deviation, drift * step, -bound) : 0);
    }
    // Where the density is, under the drift, and no further than the boundaries.
    const centre = drift * information;
    const high = Math.min(Math.min(bounds[n], 2 * FAR) * root, centre + FAR * root);
    const low = Math.max(sides === 2 ? -Math.min(bounds[n], 2 * FAR) * root : Number.NEGATIVE_INFINITY, centre - FAR * root);
    if (high <= low) {
      return crossed;
    }
    continuing = carryOn(continuing, information, drift * step, low, high);
  }
  return crossed;
}

function totalOf({ mass }: Continuing): number {
  return mass.reduce((sum, value) => sum + value, 0);
}

/** Looks that a plan reckons with: more change its size by less than a hundredth. */
const PLANNED_LOOKS = 20;
const drifts = new Map<string, number>();

/**
 * The drift at which `power` is reached with all of the information: what is looked for, divided by the standard error that the whole experiment will have. A single look would need z_{1−α/sides} + z_power;
 * to look on the way costs a few hundredths more.
 */
export function driftFor(test: SequentialTest, power: number): number {
  const key = `${test.level} ${test.sides} ${power}`;
  let drift = drifts.get(key);
  if (drift === undefined) {
    const looks = Array.from({ length: PLANNED_LOOKS }, (_, n) => ({ information: (n + 1) / PLANNED_LOOKS, time: (n + 1) / PLANNED_LOOKS }));
    const bounds = boundariesOf(test, looks);
    let [low, high] = [0, 10];
    for (let i = 0; i < 30; i++) {
      const middle = (low + high) / 2;
      [low, high] = crossingChance(test, looks, bounds, middle) > power ? [low, middle] : [middle, high];
    }
    drift = high;
    drifts.set(key, drift);
  }
  return drift;
}
