/** Requests by route: how many with which status, and how long they took. A route is its template, never a URL, so there are as many series as there are routes. */
import type { Family } from './exposition.ts';
import { type Histogram, createHistogram } from './histogram.ts';

/** Seconds. Most answers from memory lie below the first. */
const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const STATUSES = 600;

export interface RouteTally {
  readonly method: string;
  readonly route: string;
  /** By status. */
  readonly answers: Float64Array;
  readonly seconds: Histogram;
}

export interface TrafficTotals {
  readonly answers: number;
  /** Of them with status 500: faults of this service. */
  readonly faults: number;
  /** With status 429 or 503: refused. */
  readonly refused: number;
}

export interface Traffic {
  /** The one tally of a route. @param route a template as frameworks write it (`/v1/users/:userId`) */
  tallyOf(method: string, route: string): RouteTally;
  /** Of requests that are for no route. */
  readonly elsewhere: RouteTally;
  totals(): TrafficTotals;
  families(): Family[];
}

export function noteAnswer({ answers, seconds }: RouteTally, status: number, tookSeconds: number): void {
  answers[status]++;
  seconds.note(tookSeconds);
}

export function createTraffic(): Traffic {
  const tallies = new Map<string, RouteTally>();
  function tallyOf(method: string, template: string): RouteTally {
    const route = template.replaceAll(/:(\w+)/g, '{$1}');
    const key = `${method} ${route}`;
    const tally = tallies.get(key) ?? { method, route, answers: new Float64Array(STATUSES), seconds: createHistogram(BOUNDS) };
    tallies.set(key, tally);
    return tally;
  }
  const elsewhere = tallyOf('(any)', '(none)');

  return {
    tallyOf,
    elsewhere,
    totals() {
      let [answers, faults, refused] = [0, 0, 0];
      for (const tally of tallies.values()) {
        answers += tally.answers.reduce((sum, count) => sum + count, 0);
        faults += tally.answers[500];
        refused += tally.answers[429] + tally.answers[503];
      }
      return { answers, faults, refused };
    },
    families() {
      const used = [...tallies.values()].filter(({ answers }) => answers.some((count) => count > 0));
      return [
        {
          name: 'jongleur_http_requests_total', type: 'counter', help: 'Requests that were answered, by route and status.',
          samples: used.flatMap(({ method, route, answers }) => [...answers].flatMap((value, status) => (value === 0 ? [] : [{ labels: { method, route, status: String(status) }, value }]))),
        },
        {
          name: 'jongleur_http_request_duration_seconds', type: 'histogram', help: 'From when a request was read to when its answer was written; progress that is followed counts to its end.',
          series: used.map(({ method, route, seconds }) => ({ labels: { method, route }, histogram: seconds })),
        },
      ];
    },
  };
}
