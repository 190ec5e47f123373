/** All metrics but those of requests (`traffic.ts`), made of what the watch found last. Names and units follow https://prometheus.io/docs/practices/naming/; docs/monitoring.md lists them. */
import { ALARM_RULES } from './alarm-rules.ts';
import type { Family, Sample } from './exposition.ts';
import type { LiveRates, Look } from './look.ts';
import type { Found } from './watch.ts';
import type { Vitals } from './vitals.ts';

const gauge = (name: string, help: string, samples: readonly Sample[] | number | null): Family => ({ name, help, type: 'gauge', samples: typeof samples === 'number' || samples === null ? [{ value: samples }] : samples });
const counter = (name: string, help: string, samples: readonly Sample[] | number): Family => ({ name, help, type: 'counter', samples: typeof samples === 'number' ? [{ value: samples }] : samples });
const seconds = (ms: number | null | undefined): number | null => (ms == null ? null : ms / 1000);
const by = (label: string, values: Readonly<Record<string, number | null>>): Sample[] => Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }));

function processFamilies({ version, phase, pressureLevel, loopDelays, connections, events, databaseUp }: Vitals): Family[] {
  const { heapUsed, rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return [
    gauge('jongleur_build_info', 'Always 1; the label says which version runs.', [{ labels: { version }, value: 1 }]),
    gauge('jongleur_ready', '1 while answers are given and the process is not starting or stopping.', phase === 'ready' ? 1 : 0),
    gauge('process_start_time_seconds', 'When the process began, seconds since 1970.', performance.timeOrigin / 1000),
    counter('process_cpu_seconds_total', 'Processor time of all threads, training included.', (user + system) / 1e6),
    gauge('process_resident_memory_bytes', 'Memory of the process.', rss),
    gauge('nodejs_heap_used_bytes', 'Of it, objects of JavaScript.', heapUsed),
    counter('jongleur_event_loop_busy_seconds_total', 'Time in which the event loop was at work.', performance.eventLoopUtilization().active / 1000),
    { name: 'jongleur_event_loop_delay_seconds', type: 'histogram', help: 'How late the event loop was at worst, once each half a second.', series: [{ histogram: loopDelays }] },
    gauge('jongleur_pressure_level', 'How many kinds of requests are refused because the process cannot keep up: 1 imports and training, 2 data too, 3 all but health.', pressureLevel),
    gauge('jongleur_database_up', '1 while Postgres answers.', databaseUp ? 1 : 0),
    gauge('jongleur_database_connections', 'Connections of the pool that are open.', connections.open),
    gauge('jongleur_queue_length', 'What waits: events to be stored, requests for a connection to Postgres.', by('queue', { events: events.queued, connections: connections.waiting })),
    gauge('jongleur_queue_limit', 'Beyond so many events more are refused.', by('queue', { events: events.maxQueued })),
  ];
}

function answerFamilies({ answers, model, listsChanged, events }: Vitals): Family[] {
  const { accepted, duplicates, rejected, overloaded, failed } = events;
  return [
    counter('jongleur_events_total', 'Events that were sent, by what became of them: accepted, duplicate (stored before), rejected (wrong), overloaded (refused for want of room) or failed (Postgres).', by('outcome', { accepted, duplicate: duplicates, rejected, overloaded, failed })),
    counter('jongleur_lists_total', 'Lists given out, by what they came from.', by('source', answers.lists)),
    counter('jongleur_fallback_lists_total', 'Lists whose kind knew nothing, so that another was given, by what was asked for.', by('asked', answers.fallbacks)),
    counter('jongleur_preview_lists_total', 'Lists asked for with `preview`, shown to nobody: not among those given out.', answers.previews),
    counter('jongleur_stale_lists_total', 'Lists that said `stale`: something of them may not be the newest.', answers.stale),
    gauge('jongleur_model_version', 'Version that answers.', model?.version ?? null),
    gauge('jongleur_model_created_timestamp_seconds', 'When it was made, seconds since 1970.', seconds(model?.madeAtMs)),
    gauge('jongleur_model_newest_event_timestamp_seconds', 'The newest event that it knows, seconds since 1970.', seconds(model?.newestEventMs)),
    gauge('jongleur_list_overlap_ratio', 'Of the first 20 of a shopper’s list, how much the version before had too; mean of up to 200 shoppers.', listsChanged?.overlap ?? null),
    gauge('jongleur_list_rank_biased_overlap_ratio', 'The same, with more weight on the first places.', listsChanged?.rankBiasedOverlap ?? null),
    gauge('jongleur_list_items', 'Different items in these lists.', listsChanged === null ? [] : by('version', { before: listsChanged.itemsBefore, live: listsChanged.itemsAfter })),
  ];
}

function lookFamilies(look: Look | null): Family[] {
  const { counts = [], ended = [], running = null, seconds: phases = {} } = look?.training ?? {};
  return [
    counter('jongleur_training_runs_total', 'Runs in the database, by how they ended and why: of a rejected one the code is what the gate said.', counts.map(({ state, code, runs }) => ({ labels: { state, code: code ?? '' }, value: runs }))),
    gauge('jongleur_training_progress_ratio', 'How far the run is that is under way, by its phase; without a run there is none.', running === null ? [] : by('phase', { [running.phase ?? 'starting']: running.progress })),
    gauge('jongleur_training_phase_seconds', 'How long each phase of the newest run took.', by('phase', phases)),
    gauge('jongleur_training_last_end_timestamp_seconds', 'When the newest run ended, seconds since 1970.', seconds(ended.at(0)?.finishedAt.getTime())),
    counter('jongleur_imports_total', 'Imports in the database, by state.', (look?.imports.counts ?? []).map(({ state, imports }) => ({ labels: { state }, value: imports }))),
    gauge('jongleur_arrivals_last_hour', 'Events that came in the last sixty minutes, without imports.', look?.lastHour ?? null),
    gauge('jongleur_arrivals_usual', 'Median of the same sixty minutes of up to eight former weeks.', look?.volume?.usual ?? null),
    gauge('jongleur_arrivals_z', 'Distance of the two in robust standard deviations; beyond 3.5 it is no chance.', look?.volume?.z ?? null),
    gauge('jongleur_input_drift_psi', 'Population stability index of the last 24 hours of events against the same hours a week before; from 0.25 on it is another population.', by('of', look?.drift ?? {})),
  ];
}

function rateFamilies(rates: LiveRates | null): Family[] {
  const bounds = (interval: { mean: number; low: number; high: number } | null | undefined) => (interval == null ? [] : by('bound', { value: interval.mean, low: interval.low, high: interval.high }));
  return [
    gauge('jongleur_live_lists', 'Lists of the last seven days, as GET /v1/metrics/live counts them; read once an hour.', rates?.lists ?? null),
    gauge('jongleur_live_click_ratio', 'Clicks of all items shown in these, with the 95 % interval.', bounds(rates?.clickRate)),
    gauge('jongleur_live_clicks_per_list', 'Clicks a list.', bounds(rates?.clicksPerList)),
    gauge('jongleur_live_purchases_per_list', 'Purchases a list.', bounds(rates?.purchasesPerList)),
    gauge('jongleur_live_revenue_per_list', 'Revenue a list, in the shop’s currency.', bounds(rates?.revenuePerList)),
  ];
}

export function familiesOf({ vitals, look, rates, alerts }: Found): Family[] {
  const raised = new Set(alerts.map(({ code }) => code));
  return [
    ...processFamilies(vitals), ...answerFamilies(vitals), ...lookFamilies(look), ...rateFamilies(rates),
    gauge('jongleur_alert', '1 while the alarm is raised; GET /v1/alerts says why and what to do.', ALARM_RULES.map(({ code, severity }) => ({ labels: { code, severity }, value: raised.has(code) ? 1 : 0 }))),
  ];
}
