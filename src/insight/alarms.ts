/**
 * Alarms: what somebody should look at, told once when it begins and once when it has ended.
 *
 * A rule compares one measure with a threshold. It is raised when the measure has been beyond the threshold for `holdMs`, and cleared when it has been back behind `clearAt` for `clearMs`; between the two nothing changes, so a measure that
 * wavers about its threshold makes no noise. A measure that is not known raises nothing and clears nothing.
 */
export type Severity = 'critical' | 'warning' | 'info';

export interface AlarmRule<M> {
  /** Stable: clients may branch on it. */
  readonly code: string;
  readonly severity: Severity;
  readonly title: string;
  /** What to do. */
  readonly advice: string;
  readonly measure: (measures: M) => number | null;
  /** On which side of the threshold something is wrong. */
  readonly side: 'above' | 'below';
  readonly threshold: number;
  /** Behind this it is well again: nearer to what is right than the threshold, or the threshold itself. */
  readonly clearAt: number;
  readonly unit: string;
  readonly holdMs: number;
  readonly clearMs: number;
}

export interface Alert {
  readonly code: string;
  readonly severity: Severity;
  readonly title: string;
  readonly advice: string;
  /** When the measure went beyond the threshold. */
  readonly sinceMs: number;
  /** As it was measured last. */
  readonly value: number;
  readonly side: 'above' | 'below';
  readonly threshold: number;
  readonly unit: string;
}

export interface Alarms<M> {
  /** Looks at all rules, with what was measured at a moment. */
  judge(measures: M, nowMs: number): void;
  /** Raised, the gravest first, of these the oldest. */
  raised(): readonly Alert[];
}

interface State {
  /** Since when the measure is beyond its threshold, or was before it is surely well again; null: it is not. */
  badMs: number | null;
  /** Of one that is raised: since when it is well. */
  wellMs: number | null;
  isRaised: boolean;
  value: number;
}

/** Where what happens is told, as somebody who reads a log would want to filter it. */
export type Log = (message: string, detail: Record<string, unknown>, level?: 'info' | 'warn' | 'error') => void;

const LEVELS = { critical: 'error', warning: 'warn', info: 'info' } as const satisfies Record<Severity, Parameters<Log>[2]>;
const GRAVITY: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, info: 2 };
const DIGITS = 4;

export function createAlarms<M>(rules: readonly AlarmRule<M>[], log: Log): Alarms<M> {
  const states = new Map<AlarmRule<M>, State>(rules.map((rule) => [rule, { badMs: null, wellMs: null, isRaised: false, value: 0 }]));

  function judgeOne(rule: AlarmRule<M>, state: State, value: number, nowMs: number): void {
    state.value = value;
    const { side, threshold, clearAt } = rule;
    const isBad = side === 'above' ? value > threshold : value < threshold;
    const isWell = !isBad && (side === 'above' ? value <= clearAt : value >= clearAt);
    if (!state.isRaised) {
      state.badMs = isBad ? (state.badMs ?? nowMs) : null;
      if (state.badMs !== null && nowMs - state.badMs >= rule.holdMs) {
        state.isRaised = true;
        state.wellMs = null;
        log(`alarm: ${rule.title}`, { alarm: rule.code, severity: rule.severity, value: Number(value.toPrecision(DIGITS)), threshold, unit: rule.unit, advice: rule.advice }, LEVELS[rule.severity]);
      }
      return;
    }
    state.wellMs = isWell ? (state.wellMs ?? nowMs) : null;
    if (state.wellMs !== null && nowMs - state.wellMs >= rule.clearMs) {
      log(`alarm over: ${rule.title}`, { alarm: rule.code, value: Number(value.toPrecision(DIGITS)), seconds: Math.round((nowMs - state.badMs!) / 1000) });
      state.isRaised = false;
      state.badMs = null;
    }
  }

  return {
    judge(measures, nowMs) {
      for (const [rule, state] of states) {
        const value = rule.measure(measures);
        if (value !== null) {
          judgeOne(rule, state, value, nowMs);
        }
      }
    },
    raised: () =>
      [...states]
        .filter(([, { isRaised }]) => isRaised)
        .map(([{ code, severity, title, advice, side, threshold, unit }, { badMs, value }]) => ({ code, severity, title, advice, sinceMs: badMs!, value, side, threshold, unit }))
        .sort((a, b) => GRAVITY[a.severity] - GRAVITY[b.severity] || a.sinceMs - b.sinceMs),
  };
}
