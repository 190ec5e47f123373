/** Wiring: lists that `serving` gave out are counted by `insight`, events that `ingest` takes in know the list that they came of, and experiments are looked at by both. */
import type { RecommendationReader } from './ingest/recommendations.ts';
import { type ExperimentWatch, createExperimentWatch } from './insight/experiment-watch.ts';
import { type Impressions, createImpressions } from './insight/impressions.ts';
import type { Answers } from './serving/answers.ts';
import { RECOMMENDATION_SOURCES } from './serving/recommendation-id.ts';
import type { Database } from './storage/database.ts';

export interface RecommendationLoop {
  readonly impressions: Impressions;
  readonly recommendations: RecommendationReader;
  readonly experiments: ExperimentWatch;
}

export function createRecommendationLoop(answers: Answers, database: Database, now: () => number, log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void): RecommendationLoop {
  const impressions = createImpressions({
    database, now, log,
    drain: () => answers.drainLists().map(({ issuedAtMs, source, ...list }) => ({ ...list, listedAtMs: issuedAtMs, sourceNo: RECOMMENDATION_SOURCES.indexOf(source) })),
    previews: () => answers.tally().previews,
  });
  const recommendations: RecommendationReader = {
    read(text) {
      const list = answers.readRecommendation(text);
      if (typeof list === 'string') {
        return list;
      }
      const { issuedAtMs, source, scenarioNo, variantNo, modelVersion, bucket, length } = list;
      return { listedAtMs: issuedAtMs, sourceNo: RECOMMENDATION_SOURCES.indexOf(source), scenarioNo, variantNo, modelVersion, bucket, length };
    },
    noteFault: (fault) => impressions.noteFault(fault),
  };
  const experiments = createExperimentWatch({ database, now, log, flush: impressions.flush });
  return { impressions, recommendations, experiments };
}
