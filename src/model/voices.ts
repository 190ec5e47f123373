/**
 * A user's voice: how much they count for what others are shown, from 0 to 1. Their own lists do not depend on it.
 *
 *   voice_u = min(1, days_u / rampDays) · min(1, hourlyEvents / busiestHour_u)
 *
 * days_u are the different UTC days on which u did something, busiestHour_u is the most events u has in a clock hour. Accounts are free, so a thousand of them weigh nothing until they have come
 * back; and a program that sends an event a second counts no more than somebody who shops for an hour. What a user did is kept and learnt from: only the share in it of others is smaller.
 *
 * In the fit a voice is the weight v_u of all of u's part of the objective:
 *
 *   Σ_u v_u [ Σ_obs w (t − x_u·y)² + α₀ Σ_all (x_u·y)² + λ_u ‖x_u‖² ] + Σ_i λ_i ‖y_i‖²
 *
 * v_u falls out of u's own problem, so folding in still gives the trained vector. With x̃_u = √v_u x_u the same objective is one without voices over targets √v_u t:
 *
 *   Σ_u [ Σ_obs w (√v_u t − x̃_u·y)² + α₀ Σ_all (x̃_u·y)² + λ_u ‖x̃_u‖² ] + Σ_i λ_i ‖y_i‖²
 *
 * so every fit solves it as it is: `fitWithVoices` scales the targets before and the users after.
 */
import type { FitFunction } from './fitting.ts';
import { type EventColumns, type EventTypeRule, groupByUser } from './interactions.ts';
import { type Factors, type FactorPieces, indexOfNo, joinPieces, type SparseRows } from './matrix.ts';

export interface VoiceRules {
  /** Days with events after which a user counts in full; 1: everybody does from the first. */
  rampDays: number;
  /** Events of a user and hour beyond which they count less in proportion; 0: without a limit. */
  hourlyEvents: number;
}

export const defaultVoiceRules: Readonly<VoiceRules> = { rampDays: 2, hourlyEvents: 300 };

/** Everybody counts in full. */
export const fullVoices: Readonly<VoiceRules> = { rampDays: 1, hourlyEvents: 0 };

const hourMs = 3_600_000;
const hoursADay = 24;

/**
 * One voice for each of `userNos` (ascending); null where all are 1. Events of types without a rule do not count. Where nobody has come on `rampDays` days yet, as in a shop's first days and in a file
 * without times, the ramp is as long as the most days anybody has: voices tell users apart, they do not make all of them quiet.
 */
export function measureVoices(columns: EventColumns, rules: readonly EventTypeRule[], userNos: Int32Array, { rampDays, hourlyEvents }: VoiceRules): Float32Array | null {
  if (rampDays <= 1 && hourlyEvents === 0) return null;
  const { days, busiest } = countActivity(columns, rules, userNos);
  let ramp = 1;
  for (let u = 0; u < days.length; u++) ramp = Math.min(rampDays, Math.max(ramp, days[u]!));
  const voices = new Float32Array(userNos.length);
  let quiet = 0;
  for (let u = 0; u < voices.length; u++) {
    voices[u] = Math.min(1, days[u]! / ramp) * (hourlyEvents === 0 ? 1 : Math.min(1, hourlyEvents / busiest[u]!));
    if (voices[u]! < 1) quiet++;
  }
  return quiet === 0 ? null : voices;
}

/** Days with events and events of the busiest clock hour, by user. */
function countActivity({ length, user, type, occurredAtMs }: EventColumns, rules: readonly EventTypeRule[], userNos: Int32Array): { days: Int32Array; busiest: Int32Array } {
  const known = new Set(rules.map((rule) => rule.typeNo));
  const chosen = new Int32Array(length);
  let count = 0;
  for (let i = 0; i < length; i++) if (known.has(type[i]!)) chosen[count++] = i;
  const rows = groupByUser(chosen.subarray(0, count), user);
  const days = new Int32Array(userNos.length);
  const busiest = new Int32Array(userNos.length);
  let hours = new Int32Array(256);
  for (let from = 0, to = 0; from < count; from = to) {
    const userNo = user[rows[from]!]!;
    while (to < count && user[rows[to]!] === userNo) to++;
    const at = indexOfNo(userNos, userNo);
    if (at < 0) continue;
    if (to - from > hours.length) hours = new Int32Array(2 * (to - from));
    let ascends = true;
    for (let n = from; n < to; n++) {
      hours[n - from] = Math.floor(occurredAtMs[rows[n]!]! / hourMs);
      if (n > from && hours[n - from]! < hours[n - from - 1]!) ascends = false;
    }
    const own = hours.subarray(0, to - from);
    if (!ascends) own.sort();
    for (let n = 0, run = 0; n < own.length; n++) {
      const isFirst = n === 0;
      run = !isFirst && own[n] === own[n - 1] ? run + 1 : 1;
      if (run > busiest[at]!) busiest[at] = run;
      if (isFirst || Math.floor(own[n]! / hoursADay) !== Math.floor(own[n - 1]! / hoursADay)) days[at]!++;
    }
  }
  return { days, busiest };
}

/**
 * The fit of a matrix whose rows have these voices, by any fit. Users come out as their own problems have them, to begin from they are taken so, and the objective is that with voices.
 *
 * @param voices a row's each; null: `fit` itself
 */
export function fitWithVoices(fit: FitFunction, voices: Float32Array | null): FitFunction {
  if (voices === null) return fit;
  return (byUser, recipe, hooks) => {
    const { start } = hooks;
    const fitted = fit(quieten(byUser, voices), recipe, start?.users === undefined ? hooks : { ...hooks, start: { ...start, users: quietenUsers(start.users, voices) } });
    scaleRows(fitted.users, voices, -0.5);
    return fitted;
  };
}

/** The same observations, the targets of row u times √v_u. */
function quieten(byUser: SparseRows, voices: Float32Array): SparseRows {
  const target = new Float32Array(byUser.target.length);
  for (let row = 0; row < byUser.rows; row++) {
    const scale = Math.sqrt(voices[row]!);
    for (let e = byUser.rowStart[row]!; e < byUser.rowStart[row + 1]!; e++) target[e] = scale * byUser.target[e]!;
  }
  return { ...byUser, target };
}

function quietenUsers(users: Factors | FactorPieces, voices: Float32Array): Factors {
  const quiet = 'pieces' in users ? joinPieces(users) : { ...users, data: users.data.slice() };
  scaleRows(quiet, voices, 0.5);
  return quiet;
}

/** Row u times v_u to the power. */
function scaleRows({ rows, stride, data }: Factors, voices: Float32Array, power: number): void {
  for (let row = 0; row < rows; row++) {
    const scale = voices[row]! ** power;
    if (scale !== 1) for (let k = row * stride; k < (row + 1) * stride; k++) data[k]! *= scale;
  }
}
