/** Wiring: what the other rooms count, brought to the watch, and what the watch found brought to whoever asks. */
import type { Monitoring } from './http/services.ts';
import type { Log } from './insight/alarms.ts';
import { expose } from './insight/exposition.ts';
import { familiesOf } from './insight/metric-families.ts';
import { createTraffic } from './insight/traffic.ts';
import type { Vitals } from './insight/vitals.ts';
import { type Watch, createWatch } from './insight/watch.ts';
import type { Pressure } from './http/pressure.ts';
import type { Writer } from './ingest/writer.ts';
import type { Answers } from './serving/answers.ts';
import type { Database } from './storage/database.ts';

export interface MonitoringOptions {
  readonly database: Database;
  readonly answers: Pick<Answers, 'modelFacts' | 'listDrift' | 'tally'>;
  readonly writer: Pick<Writer, 'tally'>;
  readonly pressure: Pressure;
  readonly keys: { givenInPages(): number };
  readonly databaseUp: () => boolean;
  readonly phase: () => string;
  readonly version: string;
  readonly now: () => number;
  readonly log: Log;
}

export function createMonitoring({ database, answers, writer, pressure, keys, databaseUp, phase, version, now, log }: MonitoringOptions): Monitoring & Pick<Watch, 'start' | 'sample' | 'look' | 'stop'> {
  const traffic = createTraffic();
  const vitals = (): Vitals => ({
    version, phase: phase(), databaseUp: databaseUp(), pressureLevel: pressure.level(), loopDelays: pressure.delays,
    connections: { open: database.totalCount, waiting: database.waitingCount },
    model: answers.modelFacts(), listsChanged: answers.listDrift(), givenKeysInPages: keys.givenInPages(), answers: answers.tally(), events: writer.tally(),
  });
  const { start, sample, look, stop, found, judgedAtMs } = createWatch({ database, vitals, traffic: traffic.totals, now, log });
  return {
    traffic, start, sample, look, stop, judgedAtMs,
    metrics: () => expose([...traffic.families(), ...familiesOf(found())]),
    alerts: () => found().alerts,
    pace: () => found().pace,
    usualHour: () => found().look?.volume?.usual ?? null,
  };
}
