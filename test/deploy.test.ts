/** What deploy/ and docs/monitoring.md name is there: metrics with their labels, files, ports; and rules and board are of the form that Prometheus and Grafana read. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ALARM_RULES } from '../src/insight/alarm-rules.ts';
import { createHistogram } from '../src/insight/histogram.ts';
import { familiesOf } from '../src/insight/metric-families.ts';
import { createTraffic, noteAnswer } from '../src/insight/traffic.ts';
import type { Found } from '../src/insight/watch.ts';
import { expose } from '../src/insight/exposition.ts';
import { readExposition } from './support/exposition.ts';

const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const interval = { mean: 0.1, low: 0.05, high: 0.15 };
/** Everything is known, so that every metric has a sample. */
const FOUND: Found = {
  vitals: {
    version: '1', phase: 'ready', databaseUp: true, connections: { open: 1, waiting: 0 }, pressureLevel: 0, loopDelays: createHistogram([1]), model: { version: 2, madeAtMs: 1, newestEventMs: 1 },
    listsChanged: { fromVersion: 1, toVersion: 2, shoppers: 1, overlap: 0.5, rankBiasedOverlap: 0.5, itemsBefore: 1, itemsAfter: 1 }, givenKeysInPages: 0,
    answers: { lists: { personal: 1, trending: 1 }, fallbacks: { personal: 1 }, stale: 0, previews: 0 }, events: { accepted: 1, duplicates: 0, rejected: 0, overloaded: 0, failed: 0, queued: 0, maxQueued: 10 },
  },
  look: {
    lastHour: 1, volume: { count: 1, usual: 1, z: 0, ratio: 1 }, drift: { types: 0, items: 0, users: 0 }, imports: { counts: [{ state: 'done', imports: 1 }], failedSinceDone: 0 }, keysInPages: 0,
    training: { counts: [{ state: 'published', code: null, runs: 1 }], ended: [{ state: 'published', code: null, finishedAt: new Date(0) }], running: { phase: 'fit', progress: 0.5 }, seconds: { fit: 1 } },
  },
  rates: { lists: 1, clicks: 1, purchases: 1, clickRate: interval, clicksPerList: interval, purchasesPerList: interval, revenuePerList: interval },
  alerts: [],
  pace: { requests: 1, lists: 1 },
};
const traffic = createTraffic();
noteAnswer(traffic.tallyOf('GET', '/v1/users/:userId/recommendations'), 200, 0.001);
const { families, samples } = readExposition(expose([...traffic.families(), ...familiesOf(FOUND)]));
/** Labels that a metric has, by its name as an expression names it. */
const LABELS = new Map(samples.map(({ name, labels }) => [name, new Set(Object.keys(labels))]));
/** Of Prometheus' own making. */
const OWN = new Set(['job', 'instance', 'le']);

/** Names and labels of an expression that no metric has. */
function faultsOf(expression: string): string[] {
  const faults: string[] = [];
  for (const [, name, selector = ''] of expression.matchAll(/\b((?:jongleur|process|nodejs)_[a-z_]+)(?:\{((?:[^}"]|"[^"]*")*)\})?/g)) {
    const labels = LABELS.get(name);
    const asked = [...selector.replaceAll(/"[^"]*"/g, '""').matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label);
    faults.push(...(labels === undefined ? [name] : asked.filter((label) => !labels.has(label) && !OWN.has(label)).map((label) => `${name}{${label}}`)));
  }
  return faults;
}

describe('deploy/', () => {
  it('finds what is not there', () => {
    expect(faultsOf('rate(jongleur_http_requests_total{status="503", colour=~"}"}[5m]) / jongleur_nothing')).toEqual(['jongleur_http_requests_total{colour}', 'jongleur_nothing']);
  });

  it('has rules on metrics that there are', () => {
    const text = read('deploy/prometheus-alerts.yml');
    const rules = text.split(/^ +- alert: /m).slice(1);
    expect(rules.length).toBeGreaterThan(5);
    for (const rule of rules) {
      const expression = /^ +expr: (.+)$/m.exec(rule)?.[1];
      expect([rule, expression]).toEqual([rule, expect.stringMatching(/\b(jongleur|process)_|^up\{/)]);
      expect(faultsOf(expression!)).toEqual([]);
      expect(rule).toMatch(/^ +summary: ".+"\n +description: ".+"$/m);
    }
    expect(text).toContain('jongleur_alert{severity!="info"}');
  });

  it('has a board on metrics that there are, whose panels do not lie upon one another, and which shows every one of them that is not for rules alone', () => {
    const board = JSON.parse(read('deploy/grafana/dashboards/jongleur.json')) as { panels: { id: number; type: string; gridPos: { x: number; y: number; w: number; h: number }; targets?: { expr: string }[] }[] };
    const panels = board.panels.filter(({ type }) => type !== 'row');
    expect(panels.length).toBeGreaterThan(20);
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(expressions.flatMap(faultsOf)).toEqual([]);
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
    const taken = new Set<string>();
    for (const { gridPos: { x, y, w, h } } of board.panels) {
      expect(x + w).toBeLessThanOrEqual(24);
      for (let n = 0; n < w * h; n++) {
        const cell = `${x + (n % w)} ${y + Math.floor(n / w)}`;
        expect([cell, taken.has(cell)]).toEqual([cell, false]);
        taken.add(cell);
      }
    }
    const shown = expressions.join(' ');
    const beside = new Set(['process_start_time_seconds', 'jongleur_model_newest_event_timestamp_seconds', 'jongleur_training_last_end_timestamp_seconds', 'jongleur_imports_total', 'jongleur_live_lists', 'jongleur_live_clicks_per_list']);
    expect([...families.keys()].filter((name) => !shown.includes(name))).toEqual([...families.keys()].filter((name) => beside.has(name)));
  });

  it('is what the compose file mounts, and scrapes where it listens', () => {
    const compose = read('docker-compose.yml');
    const mounted = [...compose.matchAll(/- \.\/(deploy\/[\w./-]+):(\S+?):ro/g)].map(([, from, to]) => [from, to]);
    expect(mounted.length).toBeGreaterThan(4);
    expect(mounted.filter(([from]) => from !== 'deploy/secrets' && !existsSync(new URL(from, root)))).toEqual([]);
    const prometheus = read('deploy/prometheus.yml');
    expect(prometheus).toContain('targets: ["jongleur:3000"]');
    for (const path of [...prometheus.matchAll(/\/etc\/prometheus\/[\w./-]+/g)].map(([path]) => path)) {
      expect([path, mounted.some(([, to]) => path === to || path.startsWith(`${to}/`))]).toEqual([path, true]);
    }
    expect(read('deploy/grafana/provisioning/dashboards/jongleur.yml')).toContain(`path: ${mounted.find(([from]) => from === 'deploy/grafana/dashboards')?.[1]}`);
    expect(read('.gitignore')).toContain('deploy/secrets/');
  });
});

describe('docs/monitoring.md', () => {
  const docs = read('docs/monitoring.md');

  it('lists all metrics with their types and labels, and no other', () => {
    const rows = [...docs.matchAll(/^\| `([a-z_]+)` \| (counter|gauge|histogram) \| ([a-z, ]*) ?\|/gm)].map(([, name, type, labels]) => [name, type, labels.trim()]);
    const labelsOf = (name: string) => [...(LABELS.get(name) ?? LABELS.get(`${name}_count`)!)].join(', ');
    expect(rows).toEqual([...families].map(([name, type]) => [name, type, labelsOf(name)]));
  });

  it('has the thresholds of the rules', () => {
    for (const { code, side, threshold } of ALARM_RULES) {
      expect(docs).toMatch(new RegExp(String.raw`^\| \`${code}\` \|.*\| ${side} ${threshold} `, 'm'));
    }
  });

  it('links to places that are there', () => {
    for (const [, path] of docs.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      expect([path, existsSync(new URL(`docs/${path}`, root))]).toEqual([path, true]);
    }
  });
});
