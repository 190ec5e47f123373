/**
 * Answers from memory: what every kind of list has in common. Postgres is needed only for a shopper whose newest events the model has not seen, and for catalogue fields; with Postgres away
 * everything is still answered, marked `stale` where that matters.
 *
 *   following.ts   which model answers, who has newer events       kinds.ts    what a list is made from
 *   user-state.ts  what is known of a shopper                      lists.ts    how it becomes a list
 *   trials.ts      experiments, and which variant a shopper is in  other-models.ts    models that answer for these beside the live one
 */
import { variantOf } from '../model/assignment.ts';
import type { Database } from '../storage/database.ts';
import type { TrendingRow } from '../storage/events.ts';
import { findItem } from '../storage/items.ts';
import type { LocalCopy } from '../storage/local-copy/reader.ts';
import { type Audience, audienceOf } from './audience.ts';
import { createCatalogue } from './catalogue.ts';
import { type Prepared, createConditions } from './conditions.ts';
import { createDresser, shape } from './dressing.ts';
import { type Explanation, type Reason, createExplainer } from './explain.ts';
import { createExplorer } from './explorer.ts';
import { type ItemFields, createFieldReader } from './fields.ts';
import { type Following, coalesce, createFollowing } from './following.ts';
import { type ItemMap, createItemMaps } from './item-map.ts';
import { LOAD_TIMEOUT_MS, inTime } from '../storage/in-time.ts';
import { type SessionItem, emptyPlan, isKnown, newestPlan, personalPlan, sessionPlan, similarPlan, togetherPlan, trendingPlan } from './kinds.ts';
import { type ListDrift, createListDriftWatch } from './list-drift.ts';
import { type Entry, type Plan, type Source, createListMaker, mayFill, roundScore } from './lists.ts';
import type { LiveModel } from './live-model.ts';
import { createMasks } from './masks.ts';
import { createOtherModels } from './other-models.ts';
import { createPages } from './pages.ts';
import { MAX_DEPTH } from './parameters.ts';
import { type IssuedLists, type ListSource, type ReadRecommendation, type UnreadableId, createBuckets, createRecommendationIds } from './recommendation-id.ts';
import { type Asked, type ListRequest, createRequests } from './requests.ts';
import { createScenarios } from './scenarios.ts';
import type { Boost, Steered } from './steering.ts';
import { type AnswerTally, createTally } from './tally.ts';
import { createTrending } from './trending.ts';
import { createTrials } from './trials.ts';
import { type CommittedEvent, type UserState, type UserStates, createUserStates } from './user-state.ts';

export interface AnswerItem extends ItemFields {
  itemId: string;
  /** null: the list has none for it, as for a pinned item that its kind cannot score. */
  score: number | null;
  /** Where it differs from the list's. */
  source?: Source;
  reasons?: Reason[];
}

export interface Answer {
  /** Signed: which kind of list it was, of which model, when. */
  recommendationId: string;
  modelVersion: number | null;
  source: Source;
  stale?: boolean;
  items: AnswerItem[];
  nextCursor?: string;
}

/** Why a model has nothing to say of an item: there is none, of either, or it is in the catalogue alone. */
export type UnknownItem = 'no-model' | 'no-item' | 'new-item';

export interface Answers {
  modelVersion(): number | null;
  modelFacts: Following['facts'];
  /** How its lists differ from those of the version before; null: not known. */
  listDrift(): ListDrift | null;
  /** What answers were since the process began. */
  tally(): AnswerTally;
  /** What is on the rise, as it was counted last. */
  trendingRows(): readonly TrendingRow[];
  /** Synchronous where nothing has to be read. All lists throw SteeringFault. */
  recommend(userId: string, request: ListRequest): Answer | Promise<Answer>;
  /** The same by a shorter way, where the list is the usual one. A request that is the same object as before costs less. */
  recommendQuickly(userId: string, request: ListRequest): Answer | Promise<Answer>;
  /** @param userId whose taste turns the list a little; null: nobody's. @returns null: there is no such item */
  similar(itemIds: readonly string[], userId: string | null, request: ListRequest): Promise<Answer | null>;
  /** What was in the same baskets. @returns null: there is no such item */
  together(itemIds: readonly string[], request: ListRequest): Promise<Answer | null>;
  trending(request: ListRequest): Promise<Answer>;
  newest(request: ListRequest): Promise<Answer>;
  /** Items oldest first. */
  session(items: readonly SessionItem[], request: ListRequest): Promise<Answer>;
  /** Why an item is, or would be, in a shopper's list. */
  reasons(userId: string, itemId: string): Promise<({ readonly modelVersion: number; readonly score: number } & Explanation) | UnknownItem | 'unknown-shopper'>;
  /** The shoppers who would like an item most. */
  audience(itemId: string, limit: number, includeSeen: boolean): Audience | UnknownItem;
  /** Its most popular items, as many as `MAX_MAPPED` at most. @returns null: no model is live. @throws DatabaseUnavailable */
  itemMap(limit: number): Promise<ItemMap | null>;
  /** @throws SteeringFault where the text is no condition */
  checkFilter(text: string, field: string): void;
  /** `field:value^amount, …` @throws SteeringFault */
  readBoosts(text: string): Boost[];
  /** @throws SteeringFault where a list could not be made */
  check(request: ListRequest): void;
  /** Own events were stored: the next answer knows them. */
  noteCommitted(events: readonly CommittedEvent[]): void;
  /** Whether Postgres can be reached. While it cannot, nobody knows what others stored, and answers say `stale`. */
  noteReach(reached: boolean): void;
  refreshAvailability(): Promise<void>;
  followEvents(): Promise<void>;
  /** Users were erased or merged, or events taken back: what is kept of users is looked at anew. */
  followUsers(): Promise<void>;
  /** What a recommendation id says, or what is wrong with it. */
  readRecommendation(text: string): ReadRecommendation | UnreadableId;
  /** Lists given out since it was last asked, by kind and second. */
  drainLists(): IssuedLists[];
  /** What the model makes of a shopper: null where none is live. */
  profile(userId: string): Promise<{ modelVersion: number; vector: number[] | null } | null>;
  followItems(): Promise<void>;
  followScenarios(): Promise<void>;
  /** Loads the live version where it is not the one that answers. */
  followModels(): Promise<void>;
  /** First load of everything: model, catalogue, trends, scenarios. */
  start(): Promise<void>;
  /** In place of `start`, while Postgres is away: everything from a local copy, and `stale`. @throws SnapshotDamaged */
  restore(copy: LocalCopy): Promise<void>;
  stop(): void;
}

export interface AnswersOptions {
  readonly database: Database;
  readonly systemIdentifier: string;
  readonly now: () => number;
  /** Signs recommendation ids and cursors: the same on every replica. */
  readonly tokenKey: Buffer;
  /** How long an answer waits for a shopper's newest events, and for catalogue fields; default 50. */
  readonly loadTimeoutMs?: number;
  readonly log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void;
}

/** How long after a list events may refer to it. */
const RECOMMENDATION_AGE_MS = 30 * 86_400_000;
/** Cuts shoppers otherwise than experiments do. */
const BUCKET_SALT = 'bucket';

export function createAnswers(options: AnswersOptions): Answers {
  const { database, now, log, loadTimeoutMs = LOAD_TIMEOUT_MS } = options;
  let away = false;
  const noteReach = (reached: boolean) => void (away = !reached);
  const states = createUserStates(database, now, noteReach, loadTimeoutMs);
  const trends = createTrending(database, (error) => log('could not count trends', { reason: String(error) }, true));
  const others = createOtherModels({ database, systemIdentifier: options.systemIdentifier, now, noteReach, loadTimeoutMs, log });
  const following = createFollowing({ database, systemIdentifier: options.systemIdentifier, now, states, others, noteReach, onEvents: () => trends.noteEvents(), onSwap: (before, after) => listDrift.compare(before, after), log });
  const catalogue = createCatalogue(database, now, (itemId) => fieldReader.forget(itemId));
  const fieldReader = createFieldReader(database, catalogue, loadTimeoutMs, (error) => log('catalogue fields could not be read', { reason: String(error) }, true));
  const masks = createMasks(catalogue, now);
  const listDrift = createListDriftWatch((model) => masks.slotFor(model, null), log);
  const tally = createTally();
  const conditions = createConditions(catalogue);
  /** While a list is made, the moment whose turn it has where that is not this one: pages go on as the list began. */
  let turnMs: number | null = null;
  const turnNow = () => turnMs ?? now();
  const explorer = createExplorer(catalogue, masks, turnNow);
  const lists = createListMaker({ catalogue, masks, trends, explorer, now: turnNow });
  const explainer = createExplainer(fieldReader);
  const itemMaps = createItemMaps(database);
  const dress = createDresser(fieldReader, explainer, tally);
  const scenarios = createScenarios(database);
  const trials = createTrials(database);
  const requests = createRequests(scenarios, trials, conditions, catalogue);
  const bucketOf = createBuckets(BUCKET_SALT);
  const recommendationIds = createRecommendationIds(options.tokenKey, now, RECOMMENDATION_AGE_MS);
  const { stateOf, boundTo, placeOf, cursorOf } = createPages(options.tokenKey, now);
  const trending = (key: string) => trendingPlan(following.model(), trends, key);
  /** In place of a kind that knows nothing: what is trending, or an empty list where nothing is to fill it. */
  const instead = (source: ListSource, key: string, steered: Steered) => (mayFill(steered) ? trending(key) : emptyPlan(source, following.model(), key));

  /** The token says which list it was: for events that follow from it. */
  function issue({ live, key, source }: Pick<Plan, 'live' | 'key' | 'source'>, { steered: { scenarioNo }, variantNo, isPreview }: Asked, length: number): string {
    const fields = { scenarioNo, variantNo, modelVersion: live?.version ?? 0, bucket: bucketOf(key), length, source };
    if (isPreview) {
      tally.notePreview();
    }
    return isPreview ? recommendationIds.issuePreview(fields) : recommendationIds.issue(fields);
  }

  /** A list at the turn of a moment. */
  function listAt(atMs: number, plan: Plan, steered: Prepared, depth: number): Entry[] {
    turnMs = atMs;
    try {
      return lists.make(plan, steered, depth);
    } finally {
      turnMs = null;
    }
  }

  /** What is known of shoppers by a version that answers here; null: it does not. */
  function statesFor(version: number | null): UserStates | null {
    return version === null || version === following.model()?.version ? states : others.statesOf(version);
  }

  /** The request as the shopper's variant has it. Where its model is not in memory, as for a moment after a start, they are in no experiment. */
  function askedBy(userId: string, request: ListRequest): Asked {
    const asked = requests.read(request);
    const { trials: tried } = asked;
    for (let n = 0; n < tried.length; n++) {
      const place = variantOf(tried[n].assignment, userId);
      if (place >= 0) {
        const variant = tried[n].variants[place];
        return statesFor(variant.version) === null ? asked : variant;
      }
    }
    return asked;
  }

  /** The usual list, as `answer` makes it, without what it would do for steered ones. null: not the usual case. */
  function answerQuickly(state: UserState, userId: string, asked: Asked): Answer | null {
    const { steered, fingerprint } = asked;
    const { limit, condition, includeSeen } = steered;
    const { model: live, vector, history, from, to, mark, hiddenElsewhere } = state;
    if (live === null || vector === null) {
      return null;
    }
    const wanted = Math.min(MAX_DEPTH, limit + 1);
    const explored = explorer.choose(live, vector, userId, steered, wanted, (itemNo) => !includeSeen && hiddenElsewhere.includes(itemNo));
    const found = live.scan.rank({ vector, history, from, to, limit: wanted, mask: masks.slotFor(live, condition), includeHidden: includeSeen });
    if (found.count < wanted) {
      return null;
    }
    const items: AnswerItem[] = [];
    for (let ranked = 0, n = 0; items.length < limit; ) {
      if (n < explored.entries.length && explored.places[n] === items.length) {
        items.push(shape(explored.entries[n++], 'personal'));
      } else {
        items.push({ itemId: live.itemIds[found.items[ranked]], score: roundScore(found.scores[ranked++]) });
      }
    }
    const made: Answer = { recommendationId: issue({ live, key: userId, source: 'personal' }, asked, limit), modelVersion: live.version, source: 'personal', items };
    if (state.stale || away) {
      tally.markStale(made);
    }
    if (wanted > limit) {
      made.nextCursor = cursorOf(live.version, stateOf('personal', mark, steered), limit, fingerprint);
    }
    return made;
  }

  /** @param mark changes with what is known of the shopper */
  function answer(plan: Plan, cursor: string | undefined, whole: Asked, mark = 0, stale = false): Answer | Promise<Answer> {
    const { steered: asked, fingerprint } = whole;
    const parameters = boundTo(plan, fingerprint);
    const { offset, stateNo, atMs } = placeOf(cursor, parameters, plan, mark, asked);
    const end = Math.min(MAX_DEPTH, offset + asked.limit);
    // One more than asked for says whether there is a next page.
    const list = listAt(atMs, plan, asked, Math.min(MAX_DEPTH, end + 1));
    const page = list.slice(offset, end);
    const made: Answer = { recommendationId: issue(plan, whole, page.length), modelVersion: plan.live?.version ?? null, source: plan.source, items: page.map((entry) => shape(entry, plan.source)) };
    if (stale || away) {
      tally.markStale(made);
    }
    if (list.length > end) {
      made.nextCursor = cursorOf(plan.live?.version ?? 0, stateNo, end, parameters);
    }
    return dress(made, plan, page, asked);
  }

  function personal(state: UserState, userId: string, { cursor }: ListRequest, asked: Asked): Answer | Promise<Answer> {
    // A variant without personal lists gives what it is meant to give: no fallback.
    const plan = asked.isOff ? personalPlan({ ...state, vector: null }, userId, asked.steered, trending(userId)) : tally.noteKind('personal', personalPlan(state, userId, asked.steered, instead('personal', userId, asked.steered)), asked.isPreview);
    return answer(plan, cursor, asked, state.mark, state.stale);
  }

  function quickly(state: UserState, userId: string, request: ListRequest, asked: Asked): Answer | Promise<Answer> {
    return (asked.isPlain && !asked.isOff ? answerQuickly(state, userId, asked) : null) ?? personal(state, userId, request, asked);
  }

  function forShopper(userId: string, request: ListRequest, make: typeof personal): Answer | Promise<Answer> {
    const asked = askedBy(userId, request);
    const state = (statesFor(asked.version) ?? states).stateOf(userId);
    return state instanceof Promise ? state.then((loaded) => make(loaded, userId, request, asked)) : make(state, userId, request, asked);
  }

  /** Lists that begin from items: null where there is no such item. */
  async function fromItems(source: 'similar' | 'together', itemIds: readonly string[], userId: string | null, request: ListRequest, planOf: (live: LiveModel, state: UserState | null, asked: Steered) => Plan | null): Promise<Answer | null> {
    const asked = requests.read(request);
    let isUnsure = false;
    if (itemIds.every((itemId) => catalogue.columns.rowOfId(itemId) < 0)) {
      // What the catalogue in memory does not know may be a moment old. Where Postgres does not answer it may well exist.
      const finding = Promise.all(itemIds.map(async (itemId) => await findItem(database, itemId).catch(() => undefined)));
      const found = await inTime(finding, loadTimeoutMs);
      if (found?.every((item) => item === null) === true) {
        return null;
      }
      isUnsure = found === null || found.includes(undefined);
    }
    const state = userId === null ? null : await states.stateOf(userId);
    const live = following.model();
    const plan = (live === null ? null : planOf(live, state, asked.steered)) ?? { ...instead(source, userId ?? itemIds.join('\n'), asked.steered), seenIds: itemIds };
    return await answer(tally.noteKind(source, plan, asked.isPreview), request.cursor, asked, state?.mark, isUnsure || state?.stale === true);
  }

  function exploreFor(): void {
    const live = following.model();
    explorer.refresh(live === null ? [] : [live, ...others.models()]);
  }

  async function followItems(): Promise<void> {
    await catalogue.refresh();
    exploreFor();
  }

  async function followModels(): Promise<void> {
    await trials.refresh();
    await following.followModels();
    const live = following.model()?.version;
    await others.follow(new Set([...trials.versions()].filter((version) => version !== live)), following.takeFormer());
    exploreFor();
  }

  async function followScenarios(): Promise<void> {
    await scenarios.refresh();
    const before = trials.generation();
    await trials.refresh();
    if (trials.generation() !== before) {
      await follow.models();
    }
  }

  const unknown = (itemId: string, live: LiveModel | null): UnknownItem => (live === null ? 'no-model' : catalogue.columns.rowOfId(itemId) < 0 ? 'no-item' : 'new-item');
  const follow = { items: coalesce(followItems), models: coalesce(followModels), scenarios: coalesce(followScenarios) };
  return {
    modelVersion: () => following.model()?.version ?? null,
    modelFacts: following.facts,
    listDrift: () => listDrift.latest(),
    tally: () => tally.read(),
    trendingRows: () => trends.rows(),
    recommend: (userId, request) => forShopper(userId, request, personal),
    recommendQuickly: (userId, request) => forShopper(userId, request, quickly),
    similar: async (itemIds, userId, request) => await fromItems('similar', itemIds, userId, request, (live, state, asked) => similarPlan(live, itemIds, state, userId ?? '', asked.includeSeen)),
    together: async (itemIds, request) => await fromItems('together', itemIds, null, request, (live, _state, asked) => togetherPlan(live, itemIds) ?? (mayFill(asked) ? similarPlan(live, itemIds, null, '', false) : null)),
    trending: async (request) => await answer(trending(''), request.cursor, requests.read(request)),
    newest: async (request) => await answer(newestPlan(following.model(), lists.newest), request.cursor, requests.read(request)),
    async session(items, request) {
      const asked = requests.read(request);
      const live = following.model();
      const seenIds = items.map(({ itemId }) => itemId);
      const plan = (live === null ? null : sessionPlan(live, items, asked.steered.neighbourWeight)) ?? { ...instead('session', '', asked.steered), seenIds };
      return await answer(tally.noteKind('session', plan, asked.isPreview), request.cursor, asked);
    },
    async reasons(userId, itemId) {
      const state = await states.stateOf(userId);
      const index = state.model?.itemIndexById.get(itemId);
      if (state.model === null || index === undefined) {
        return unknown(itemId, state.model);
      }
      if (!isKnown(state)) {
        return 'unknown-shopper';
      }
      const explanation = await explainer.explainItem(state, index);
      const { factors, neighbours, recency } = explanation.parts;
      return { modelVersion: state.model.version, score: roundScore(factors + neighbours + recency), ...explanation };
    },
    audience: (itemId, limit, includeSeen) => audienceOf(following.model(), itemId, limit, includeSeen) ?? unknown(itemId, following.model()),
    itemMap: async (limit) => await itemMaps.read(following.model(), limit),
    checkFilter: (text, field) => void conditions.read(text, field),
    readBoosts: conditions.readBoosts,
    check: (request) => void requests.read(request),
    noteCommitted(events) {
      states.note(events);
      others.note(events);
      trends.noteEvents();
    },
    noteReach,
    refreshAvailability: follow.items,
    followEvents: following.followEvents,
    followUsers: following.followUsers,
    async profile(userId) {
      const state = await states.stateOf(userId);
      return state.model === null ? null : { modelVersion: state.model.version, vector: state.vector === null ? null : Array.from(state.vector) };
    },
    readRecommendation: (text) => recommendationIds.read(text),
    drainLists: () => tally.noteLists(recommendationIds.drain()),
    followItems: follow.items,
    followScenarios: follow.scenarios,
    followModels: follow.models,
    async start() {
      await follow.items();
      await scenarios.refresh();
      await trends.refresh();
      await following.start();
      await follow.models();
    },
    async restore({ manifest: { attributes, scenarios: stored, explore, trending: rows, model, catalogue: { watermark } }, itemPart, userPart, readItems }) {
      noteReach(false);
      await catalogue.restore(attributes.map(({ firstSeenMs, ...attribute }) => ({ ...attribute, firstSeenAt: new Date(firstSeenMs) })), watermark, readItems);
      scenarios.restore(stored, explore);
      trends.restore(rows);
      if (model !== null && itemPart !== null) {
        await following.restore({ ...model, createdAt: new Date(model.createdAt) }, itemPart, userPart, Int32Array.from(model.goneUserNos));
      }
      exploreFor();
    },
    stop() {
      void trends.stop();
      explorer.stop();
    },
  };
}

