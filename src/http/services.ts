/** What the routes need of the rest of the house, handed to them by `main.ts` (and by tests). */
import type { Logger } from 'pino';
import type { ImportJobs } from '../ingest/import-jobs.ts';
import type { RecommendationReader } from '../ingest/recommendations.ts';
import type { Writer } from '../ingest/writer.ts';
import type { Alert } from '../insight/alarms.ts';
import type { Impressions } from '../insight/impressions.ts';
import type { Traffic } from '../insight/traffic.ts';
import type { Pace } from '../insight/watch.ts';
import type { Answers } from '../serving/answers.ts';
import type { Database } from '../storage/database.ts';
import type { Redaction } from '../training/redaction.ts';
import type { QualityChecker } from '../training/quality.ts';
import type { Trainer } from '../training/trainer.ts';
import type { Admission } from './admission.ts';
import type { KeyRing } from './auth.ts';
import type { Pressure } from './pressure.ts';
import type { RateLimitOptions } from './rate-limits.ts';
import type { DashboardSessions } from './dashboard-session.ts';
import type { ShopperTokens } from './shopper-tokens.ts';

/** Where the process is in its life. */
export type Phase = 'starting' | 'demo' | 'ready' | 'stopping';

/** How the service says how it is. */
export interface Monitoring {
  readonly traffic: Traffic;
  /** In the text format of Prometheus. */
  metrics(): string;
  /** Raised now, the gravest first. */
  alerts(): readonly Alert[];
  /** When they were last judged; null: not yet. */
  judgedAtMs(): number | null;
  pace(): Pace;
  /** Median of how many events came in the same hour of former weeks; null: not known. */
  usualHour(): number | null;
}

export interface Services {
  readonly database: Database;
  readonly writer: Writer;
  readonly imports: ImportJobs;
  readonly answers: Answers;
  readonly impressions: Pick<Impressions, 'noteSeen'>;
  readonly recommendations: Pick<RecommendationReader, 'read'>;
  readonly trainer: Trainer;
  readonly quality: QualityChecker;
  readonly redaction: Redaction;
  readonly keys: KeyRing & { reload(): Promise<void> };
  readonly tokens: Omit<ShopperTokens, 'flushUse' | 'restore'>;
  readonly sessions: DashboardSessions;
  readonly phase: () => Phase;
  /** Whether Postgres answered when last asked. */
  readonly databaseUp: () => boolean;
  /** Whether Postgres is away because its disk is full. */
  readonly databaseFull?: () => boolean;
  readonly logger: Logger;
  /** Where browsers reach this server; null: wherever the request came to. */
  readonly publicUrl: string | null;
  /** Origins whose pages may call from a browser, beside this server's own. */
  readonly corsOrigins: readonly string[];
  /** Events received longer ago than so many days are deleted; 0: none is. */
  readonly eventsRetentionDays: number;
  readonly limits: RateLimitOptions;
  readonly pressure: Pick<Pressure, 'level'>;
  readonly admission: Admission;
  readonly monitoring: Monitoring;
  readonly version: string;
}
