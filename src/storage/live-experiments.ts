/**
 * Live experiments: shoppers in variants whose lists differ. Not the experiments by which a training run chooses a recipe (`model/experiment/`).
 *
 *   draft → running → stopped
 *
 * A guard is one that the service makes itself when a version goes live (`models.ts`): the version before it against the new one. Variants are told apart in recommendation ids, impressions and events by
 * small numbers that are given at the start: 1 to 1,000 in turn for guards, of which one runs at a time, the rest once each for a shop's own.
 */
import { type Database, type Queryable, inTransaction, run } from './database.ts';
import { readTrainingSettings } from './settings.ts';

export const EXPERIMENT_MEASURES = ['clicks', 'carts', 'purchases', 'revenue'] as const;
export type ExperimentMeasure = (typeof EXPERIMENT_MEASURES)[number];
export type ExperimentState = 'draft' | 'running' | 'stopped';

export interface StoredVariant {
  readonly name: string;
  /** Of the shoppers who take part; all add up to 1. */
  readonly share: number;
  /** Over the scenario's, setting by setting. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Answers from this version; without it, from the live one. */
  readonly modelVersion?: number;
  /** What is trending in place of recommendations. */
  readonly off?: boolean;
}

export interface ExperimentDefinition {
  readonly description?: string;
  /** Lists of this scenario alone; without it all lists of shoppers. */
  readonly scenario?: string;
  /** Share of the shoppers who take part. */
  readonly traffic: number;
  readonly measure: ExperimentMeasure;
  readonly minEffect: number;
  readonly power: number;
  /** Of a guard: how long it lasts, and whether it rolls back. */
  readonly hours?: number;
  readonly rollsBack?: boolean;
  readonly variants: readonly StoredVariant[];
}

/** How one ended. */
export interface ExperimentEnd {
  /** `over`: a guard's time was up; `superseded`: another version went live meanwhile; `worse`: it was found and told of alone, as the setting `guard` has it. */
  readonly reason: 'stopped' | 'promoted' | 'rolled-back' | 'worse' | 'over' | 'superseded';
  /** Of the promoted variant. */
  readonly variant?: string;
}

export interface LiveExperiment extends Record<string, unknown> {
  readonly experimentNo: number;
  readonly name: string;
  readonly kind: 'shop' | 'guard';
  readonly state: ExperimentState;
  readonly definition: ExperimentDefinition;
  /** null: not started yet. */
  readonly firstVariantNo: number | null;
  /** Oldest first, as `insight` writes them. */
  readonly looks: readonly Readonly<Record<string, unknown>>[];
  readonly end: ExperimentEnd | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly stoppedAt: Date | null;
}

/** What was asked of an experiment is not possible as things are. */
export class ExperimentFault extends Error {
  readonly code: 'exists' | 'not-draft' | 'not-running' | 'conflict' | 'too-many-models';
  constructor(code: ExperimentFault['code'], message: string) {
    super(message);
    this.name = 'ExperimentFault';
    this.code = code;
  }
}

/** Of versions beside the live one that experiments of the shop's own may answer from at once: each is a model in the memory of every process. */
export const MOST_OTHER_MODELS = 2;
const GUARD_NUMBERS = 1_000;
const MOST_VARIANT_NO = 32_767;
/** A look is taken when so much of the time since the start has passed again, between a minute and an hour: the first ones soon. */
const LOOK_SHARE = 0.05;

/** Names of guards begin so, with the version behind it; a shop's own may not. */
export const GUARD_PREFIX = 'guard-';

const COLUMNS = `experiment_no AS "experimentNo", name, kind, state, definition, first_variant_no AS "firstVariantNo", looks, result AS "end", created_at AS "createdAt", started_at AS "startedAt", stopped_at AS "stoppedAt"`;
const TELL = `SELECT pg_notify('jongleur_scenarios', '')`;

/** Newest first, those before a number where it is given. @param kind null: both */
export async function listExperiments(database: Queryable, beforeNo: number | null, limit: number, kind: LiveExperiment['kind'] | null = null): Promise<LiveExperiment[]> {
  return await run<LiveExperiment>(database, `SELECT ${COLUMNS} FROM experiments WHERE experiment_no < coalesce($1::bigint, 2147483648) AND ($3::text IS NULL OR kind = $3) ORDER BY experiment_no DESC LIMIT $2`, [beforeNo, limit, kind]);
}

/** In the order in which they were started. */
export async function listRunningExperiments(database: Queryable): Promise<LiveExperiment[]> {
  return await run<LiveExperiment>(database, `SELECT ${COLUMNS} FROM experiments WHERE state = 'running' ORDER BY started_at, experiment_no`);
}

/** @returns null where there is none of that name */
export async function findExperiment(database: Queryable, name: string): Promise<LiveExperiment | null> {
  const [row] = await run<LiveExperiment>(database, `SELECT ${COLUMNS} FROM experiments WHERE name = $1`, [name]);
  return row ?? null;
}

/** Makes a draft, or replaces one of that name. @throws ExperimentFault where there is one that was started */
export async function putDraft(database: Queryable, name: string, definition: ExperimentDefinition): Promise<LiveExperiment> {
  const [row] = await run<LiveExperiment>(
    database,
    `INSERT INTO experiments (name, definition) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, created_at = now() WHERE experiments.state = 'draft' RETURNING ${COLUMNS}`,
    [name, JSON.stringify(definition)],
  );
  if (row === undefined) {
    throw new ExperimentFault('exists', `There is an experiment ${JSON.stringify(name)} that was started: what it measured would be mixed up with what this one does. Take another name.`);
  }
  return row;
}

/**
 * Deletes a draft. What was started stays: events and impressions name its variants by their numbers, which the next experiment would be given again, and what was decided by it could not be looked up.
 *
 * @returns whether there was one of that name
 * @throws ExperimentFault where it was started
 */
export async function deleteDraft(database: Queryable, name: string): Promise<boolean> {
  const deleted = await run(database, `DELETE FROM experiments WHERE name = $1 AND state = 'draft' RETURNING 1`, [name]);
  if (deleted.length > 0) {
    return true;
  }
  if ((await findExperiment(database, name)) === null) {
    return false;
  }
  throw new ExperimentFault('not-draft', `Experiment ${JSON.stringify(name)} was started, and stays: lists and events name its variants, and what was decided by it could not be looked up without it. Only a draft can be deleted.`);
}

const versionsOf = ({ variants }: ExperimentDefinition) => variants.map(({ modelVersion }) => modelVersion).filter((version) => version !== undefined);

/**
 * Starts a draft; every process hears of it.
 *
 * @returns null where there is none of that name
 * @throws ExperimentFault where it was started before, its lists are another's already, or there would be too many models in memory
 */
export async function startExperiment(database: Database, name: string, now: Date): Promise<LiveExperiment | null> {
  return await inTransaction(database, async (connection) => {
    await run(connection, 'LOCK TABLE experiments IN SHARE ROW EXCLUSIVE MODE');
    const found = await findExperiment(connection, name);
    if (found === null) {
      return null;
    }
    if (found.state !== 'draft') {
      throw new ExperimentFault('not-draft', `Experiment ${JSON.stringify(name)} ${found.state === 'running' ? 'is running already' : 'has ended; what it measured stays as it is'}.`);
    }
    const others = (await listRunningExperiments(connection)).filter(({ kind }) => kind === 'shop');
    const { scenario } = found.definition;
    const rival = others.find(({ definition }) => scenario === undefined || definition.scenario === undefined || definition.scenario === scenario);
    if (rival !== undefined) {
      throw new ExperimentFault('conflict', `Experiment ${JSON.stringify(rival.name)} is running on ${rival.definition.scenario === undefined ? 'all lists' : `the lists of scenario ${JSON.stringify(rival.definition.scenario)}`}, and a list can be of one experiment alone.`);
    }
    const [{ live }] = await run<{ live: number | null }>(connection, `SELECT max(version) FILTER (WHERE state = 'live') AS live FROM models`);
    const versions = new Set([...others, found].flatMap(({ definition }) => versionsOf(definition)).filter((version) => version !== live));
    if (versions.size > MOST_OTHER_MODELS) {
      throw new ExperimentFault('too-many-models', `Experiments would answer from ${versions.size} versions beside the live one (${[...versions].join(', ')}), each a model in the memory of every process; ${MOST_OTHER_MODELS} may be.`);
    }
    const [{ next }] = await run<{ next: number }>(connection, `SELECT greatest($1::int, coalesce(max(first_variant_no + jsonb_array_length(definition->'variants') - 1), 0))::int + 1 AS next FROM experiments WHERE kind = 'shop'`, [GUARD_NUMBERS]);
    if (next + found.definition.variants.length - 1 > MOST_VARIANT_NO) {
      throw new ExperimentFault('conflict', `All ${MOST_VARIANT_NO} numbers of variants were given.`);
    }
    const [started] = await run<LiveExperiment>(
      connection,
      `UPDATE experiments SET state = 'running', started_at = $2, first_variant_no = $3, next_look_at = $2 WHERE experiment_no = $1 RETURNING ${COLUMNS}`,
      [found.experimentNo, now, next],
    );
    await run(connection, TELL);
    return started;
  });
}

/** @returns whether it was running. Every process hears of it */
export async function endExperiment(database: Queryable, experimentNo: number, end: ExperimentEnd, now: Date): Promise<boolean> {
  const rows = await run(
    database,
    `WITH ended AS (UPDATE experiments SET state = 'stopped', stopped_at = $3, result = $2, next_look_at = NULL WHERE experiment_no = $1 AND state = 'running' RETURNING 1) SELECT pg_notify('jongleur_scenarios', '') FROM ended`,
    [experimentNo, JSON.stringify(end), now],
  );
  return rows.length > 0;
}

/** Running ones whose look is due, each for one process alone; the next is set before this one is taken. */
export async function claimLooks(database: Queryable, now: Date): Promise<LiveExperiment[]> {
  return await run<LiveExperiment>(
    database,
    `UPDATE experiments SET next_look_at = CASE
       WHEN kind = 'guard' THEN least($1::timestamptz + interval '1 hour', greatest(started_at + make_interval(hours => (definition->>'hours')::int), $1::timestamptz + interval '1 minute'))
       ELSE $1::timestamptz + least(interval '1 hour', greatest(interval '1 minute', ($1::timestamptz - started_at) * $2::float8)) END
     WHERE state = 'running' AND next_look_at <= $1 RETURNING ${COLUMNS}`,
    [now, LOOK_SHARE],
  );
}

/** @returns false where it is not running any more */
export async function addLook(database: Queryable, experimentNo: number, look: object): Promise<boolean> {
  return (await run(database, `UPDATE experiments SET looks = looks || jsonb_build_array($2::jsonb) WHERE experiment_no = $1 AND state = 'running' RETURNING 1`, [experimentNo, JSON.stringify(look)])).length > 0;
}

/** In the transaction that makes a version live: a guard that runs ends. */
export async function endGuards(connection: Queryable, reason: 'superseded' | 'over'): Promise<void> {
  await run(connection, `UPDATE experiments SET state = 'stopped', stopped_at = now(), result = $1, next_look_at = NULL WHERE kind = 'guard' AND state = 'running'`, [JSON.stringify({ reason })]);
}

/** In the transaction that makes a new version live: a share of the shoppers stays on the former one, as the settings have it. */
export async function beginGuard(connection: Queryable, version: number, former: number): Promise<void> {
  const { guard, guardShare, guardHours } = await readTrainingSettings(connection);
  if (guard === 'off') {
    return;
  }
  const definition: ExperimentDefinition = {
    description: `Version ${version} against version ${former}, which was live before it`, traffic: 1, measure: 'clicks', minEffect: 0.2, power: 0.9, hours: guardHours, rollsBack: guard === 'on',
    variants: [{ name: 'former', share: guardShare, modelVersion: former }, { name: 'new', share: 1 - guardShare, modelVersion: version }],
  };
  await run(
    connection,
    `INSERT INTO experiments (name, kind, state, definition, started_at, next_look_at, first_variant_no)
     SELECT $1, 'guard', 'running', $2, now(), now() + interval '1 hour', 1 + 2 * (count(*) % ${GUARD_NUMBERS / 2}) FROM experiments WHERE kind = 'guard'
     ON CONFLICT (name) DO NOTHING`,
    [`${GUARD_PREFIX}${version}`, JSON.stringify(definition)],
  );
  await run(connection, TELL);
}

/** A query for the versions that running experiments answer from: their bytes are kept. */
export const VERSIONS_IN_EXPERIMENTS = `SELECT (variant->>'modelVersion')::int FROM experiments, jsonb_array_elements(definition->'variants') AS variant WHERE experiments.state = 'running' AND variant ? 'modelVersion'`;

/** A variant was taken over, of one that was started. */
export async function notePromotion(database: Queryable, experimentNo: number, variant: string, now: Date): Promise<void> {
  await run(
    database,
    `WITH ended AS (UPDATE experiments SET state = 'stopped', stopped_at = coalesce(stopped_at, $3), result = $2, next_look_at = NULL WHERE experiment_no = $1 RETURNING 1) SELECT pg_notify('jongleur_scenarios', '') FROM ended`,
    [experimentNo, JSON.stringify({ reason: 'promoted', variant }), now],
  );
}
