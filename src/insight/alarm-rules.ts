/**
 * What is watched. Codes are stable; docs/monitoring.md has the same list, and a test compares the two.
 *
 * Thresholds are such that a shop that is well hears nothing: what differs from shop to shop (volume, mixes, lists) is compared with the shop's own past, not with a number that is right for all.
 */
import type { AlarmRule } from './alarms.ts';

/** null: not known. Shares and ratios from 0. */
export interface Measures {
  /** Since Postgres stopped answering; 0: it answers. */
  readonly databaseAwaySeconds: number;
  /** Share of the room for events that wait to be stored. */
  readonly queueShare: number;
  /** How many kinds of requests are refused, 0 to 3 (`http/pressure.ts`). */
  readonly pressureLevel: number;
  /** Of the answers of the last five minutes. */
  readonly faultShare: number | null;
  readonly staleShare: number | null;
  /** Of the personal lists of the last fifteen minutes. */
  readonly fallbackShare: number | null;
  /** Since the live version was made, or since a run found that there was nothing new to learn. */
  readonly modelAgeHours: number | null;
  readonly failedRunsInARow: number | null;
  readonly refusedRunsInARow: number | null;
  /** 1: a version waits to be approved. */
  readonly approvalWaits: number | null;
  readonly failedImports: number | null;
  /** Secret and admin keys that a page of another origin has sent, and that still open doors. */
  readonly keysInPages: number | null;
  /** Events of the last hour, of what is usual at this hour of the week; 1 where the difference is one that chance makes. */
  readonly volumeRatio: number | null;
  readonly typeDrift: number | null;
  readonly itemDrift: number | null;
  readonly userDrift: number | null;
  /** Of the lists of consecutive versions. */
  readonly listOverlap: number | null;
  /** Different items in the lists of the new version, of those in the lists of the one before. */
  readonly coverageRatio: number | null;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** From here on a PSI is usually read as another population. */
const DRIFTED = 0.25;
const STILL = 0.2;

export const ALARM_RULES = [
  {
    code: 'database-away', severity: 'critical', title: 'Postgres cannot be reached', measure: (m) => m.databaseAwaySeconds, side: 'above', threshold: 10, clearAt: 0, unit: 'seconds', holdMs: 0, clearMs: 10 * SECOND,
    advice: 'Answers go on from memory, events are refused. See whether Postgres runs and can be reached at DATABASE_URL, and whether its disk is full (/health/ready says so).',
  },
  {
    code: 'event-queue-full', severity: 'critical', title: 'Events come faster than Postgres stores them', measure: (m) => m.queueShare, side: 'above', threshold: 0.8, clearAt: 0.4, unit: 'of the queue', holdMs: 10 * SECOND, clearMs: 60 * SECOND,
    advice: 'More events will be refused with 503. Look at the disk of Postgres and at other work on it; send fewer requests with more events in each.',
  },
  {
    code: 'answers-failing', severity: 'critical', title: 'Requests end with a fault of this service', measure: (m) => m.faultShare, side: 'above', threshold: 0.01, clearAt: 0.001, unit: 'of all answers', holdMs: 60 * SECOND, clearMs: 5 * MINUTE,
    advice: 'The log has each of them with its request id; report what it says.',
  },
  {
    code: 'overloaded', severity: 'warning', title: 'The process cannot keep up', measure: (m) => m.pressureLevel, side: 'above', threshold: 0, clearAt: 0, unit: 'kinds of requests refused', holdMs: 60 * SECOND, clearMs: 60 * SECOND,
    advice: 'Imports and training are refused first, answers last. Give it a faster core, or add a replica; see docs/operations.md.',
  },
  {
    code: 'answers-stale', severity: 'warning', title: 'Many answers do not know the newest', measure: (m) => m.staleShare, side: 'above', threshold: 0.05, clearAt: 0.01, unit: 'of all lists', holdMs: 60 * SECOND, clearMs: 5 * MINUTE,
    advice: 'Postgres is away, or does not answer within 50 ms: look at its load and at the network between.',
  },
  {
    code: 'answers-falling-back', severity: 'warning', title: 'Most shoppers get what is trending in place of a list of their own', measure: (m) => m.fallbackShare, side: 'above', threshold: 0.8, clearAt: 0.7, unit: 'of personal lists', holdMs: 10 * MINUTE, clearMs: 15 * MINUTE,
    advice: 'Is a model live (GET /v1/models)? Do requests name shoppers by the same ids as events do? New shoppers are better served by POST /v1/sessions/recommendations.',
  },
  {
    code: 'model-old', severity: 'warning', title: 'The model is old', measure: (m) => m.modelAgeHours, side: 'above', threshold: 72, clearAt: 72, unit: 'hours', holdMs: 0, clearMs: 0,
    advice: 'See how the last runs ended (GET /v1/training-runs) and whether training is on (RETRAIN_CRON, TRAINER).',
  },
  {
    code: 'training-failing', severity: 'critical', title: 'Training fails again and again', measure: (m) => m.failedRunsInARow, side: 'above', threshold: 1, clearAt: 0, unit: 'runs in a row', holdMs: 0, clearMs: 0,
    advice: 'GET /v1/training-runs has the reason of each. The live version goes on answering meanwhile.',
  },
  {
    code: 'gate-refused', severity: 'info', title: 'The gate refused the newest model', measure: (m) => m.refusedRunsInARow, side: 'above', threshold: 0, clearAt: 0, unit: 'runs in a row', holdMs: 0, clearMs: 0,
    advice: 'It would have been worse than the live one, or than what is popular; the run’s report says by how much (GET /v1/training-runs/{no}). Where it happens day after day, look at the data (POST /v1/data-quality).',
  },
  {
    code: 'approval-waiting', severity: 'info', title: 'A model waits for approval', measure: (m) => m.approvalWaits, side: 'above', threshold: 0, clearAt: 0, unit: 'versions', holdMs: 0, clearMs: 0,
    advice: 'Look at its report and make it live or refuse it: POST /v1/models/{version}/activate, or POST /v1/models/{version}/reject.',
  },
  {
    code: 'import-failing', severity: 'warning', title: 'An import failed', measure: (m) => m.failedImports, side: 'above', threshold: 0, clearAt: 0, unit: 'imports since one that was done', holdMs: 0, clearMs: 0,
    advice: 'GET /v1/imports says why; it goes on from where it ended when the same file is imported again.',
  },
  {
    code: 'key-in-page', severity: 'critical', title: 'A key that must not be in a web page is in one', measure: (m) => m.keysInPages, side: 'above', threshold: 0, clearAt: 0, unit: 'keys', holdMs: 0, clearMs: 0,
    advice: 'The page was refused, but whoever looks at it can read the key and use it from elsewhere. GET /v1/keys says which key it is and whose page sent it: make another (POST /v1/keys), put it on your servers alone, and revoke the old one (DELETE /v1/keys/{no}). One that was set by JONGLEUR_SECRET_KEY or JONGLEUR_ADMIN_KEY is in no list, the log has it: set another and restart.',
  },
  {
    code: 'volume-collapsed', severity: 'critical', title: 'Far fewer events come than usual at this hour', measure: (m) => m.volumeRatio, side: 'below', threshold: 0.5, clearAt: 0.7, unit: 'of the usual', holdMs: 5 * MINUTE, clearMs: 5 * MINUTE,
    advice: 'Does the shop send its events? Look at its errors, at a changed page or tag, and at a key that was revoked.',
  },
  {
    code: 'volume-exploded', severity: 'warning', title: 'Far more events come than usual at this hour', measure: (m) => m.volumeRatio, side: 'above', threshold: 2, clearAt: 1.5, unit: 'of the usual', holdMs: 5 * MINUTE, clearMs: 5 * MINUTE,
    advice: 'A campaign, events that are sent twice (without eventId), or robots: the data-quality report names the busiest (POST /v1/data-quality).',
  },
  {
    code: 'types-drifted', severity: 'warning', title: 'Events are of other types than a week ago', measure: (m) => m.typeDrift, side: 'above', threshold: DRIFTED, clearAt: STILL, unit: 'PSI', holdMs: 5 * MINUTE, clearMs: 5 * MINUTE,
    advice: 'One sort of event may have stopped coming, purchases say: compare with GET /v1/events and with what the shop was meant to send.',
  },
  {
    code: 'items-drifted', severity: 'warning', title: 'Shoppers look at other items than a week ago', measure: (m) => m.itemDrift, side: 'above', threshold: DRIFTED, clearAt: STILL, unit: 'PSI', holdMs: 5 * MINUTE, clearMs: 5 * MINUTE,
    advice: 'A campaign or a new season: train soon (POST /v1/training-runs). Item ids that were renamed look the same, and need their old ones back.',
  },
  {
    code: 'users-drifted', severity: 'warning', title: 'Shoppers are busier, or less busy, than a week ago', measure: (m) => m.userDrift, side: 'above', threshold: DRIFTED, clearAt: STILL, unit: 'PSI', holdMs: 5 * MINUTE, clearMs: 5 * MINUTE,
    advice: 'Many with one event each: ids that are lost from page to page. Few with very many: robots, or one id for everybody. The data-quality report has both.',
  },
  {
    code: 'lists-changed', severity: 'warning', title: 'The new version shows other lists than the one before', measure: (m) => m.listOverlap, side: 'below', threshold: 0.3, clearAt: 0.3, unit: 'of the first 20 in common', holdMs: 0, clearMs: 0,
    advice: 'Compare the versions’ reports (GET /v1/models/{version}); the former one can be made live again (POST /v1/models/{version}/activate).',
  },
  {
    code: 'coverage-fell', severity: 'warning', title: 'The new version shows far fewer different items', measure: (m) => m.coverageRatio, side: 'below', threshold: 0.6, clearAt: 0.6, unit: 'of the items before', holdMs: 0, clearMs: 0,
    advice: 'Bestsellers crowd out the rest: look at the recipe and the terms in the version’s report, and at `diversity` and `explore`.',
  },
] as const satisfies readonly AlarmRule<Measures>[];
