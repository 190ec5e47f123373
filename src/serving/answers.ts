/**
 * Answers from memory: what every kind of list has in common. Postgres is needed only for a shopper whose newest events the model has not seen, and for catalogue fields; with Postgres away
 * everything is still answered, marked `stale` where that matters.
 *
 *   following.ts   which model answers, who has newer events       kinds.ts    what a list is made from
 *   user-state.ts  what is known of a shopper                      lists.ts    how it becomes a list
 */
import { finalise, periodOf } from '../model/hash.ts';
import type { Database } from '../storage/database.ts';
import { type Item, findItem, loadItems } from '../storage/items.ts';
import { type Audience, audienceOf } from './audience.ts';
import { createCatalogue } from './catalogue.ts';
import { createConditions } from './conditions.ts';
import { createCursors } from './cursors.ts';
import { type Explanation, type KnownState, type Reason, createExplainer } from './explain.ts';
import { createExplorer } from './explorer.ts';
import { coalesce, createFollowing } from './following.ts';
import { type SessionItem, newestPlan, personalPlan, sessionPlan, similarPlan, togetherPlan, trendingPlan } from './kinds.ts';
import { type Entry, MAX_DEPTH, type Plan, SOURCES, type Source, createListMaker, roundScore } from './lists.ts';
import { createMasks } from './masks.ts';
import { bucketOf, createRecommendationIds } from './recommendation-id.ts';
import { type Asked, type ListRequest, createRequests } from './requests.ts';
import { createScenarios } from './scenarios.ts';
import { type Boost, type Field, type Steered, SteeringFault } from './steering.ts';
import { createTrending } from './trending.ts';
import { type CommittedEvent, type UserState, createUserStates } from './user-state.ts';

export interface AnswerItem extends Partial<Pick<Item, Field>> {
  itemId: string;
  score: number;
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

export interface Answers {
  modelVersion(): number | null;
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
  /** Why an item is, or would be, in a shopper's list. null: the model does not know the item, or nothing of the shopper */
  reasons(userId: string, itemId: string): Promise<({ readonly modelVersion: number; readonly score: number } & Explanation) | null>;
  /** The shoppers who would like an item most. null: the model does not know it */
  audience(itemId: string, limit: number, includeSeen: boolean): Audience | null;
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
  /** What the model makes of a shopper: null where none is live. */
  profile(userId: string): Promise<{ modelVersion: number; vector: number[] | null } | null>;
  followItems(): Promise<void>;
  followScenarios(): Promise<void>;
  /** Loads the live version where it is not the one that answers. */
  followModels(): Promise<void>;
  /** First load of everything: model, catalogue, trends, scenarios. */
  start(): Promise<void>;
  stop(): void;
}

export interface AnswersOptions {
  readonly database: Database;
  readonly systemIdentifier: string;
  readonly now: () => number;
  /** Signs recommendation ids and cursors: the same on every replica. */
  readonly tokenKey: Buffer;
  /** How long an answer waits for a shopper's newest events; default 50. */
  readonly loadTimeoutMs?: number;
  readonly log: (message: string, detail: Record<string, unknown>, failed?: boolean) => void;
}

/** How long after a list events may refer to it. */
const RECOMMENDATION_AGE_MS = 30 * 86_400_000;
/** Cuts shoppers otherwise than experiments do. */
const BUCKET_SALT = 'bucket';
const MAX_CURSORS = 5_000;

function isKnown(state: UserState): state is KnownState {
  return state.model !== null && state.vector !== null;
}

export function createAnswers(options: AnswersOptions): Answers {
  const { database, now, log } = options;
  let away = false;
  const noteReach = (reached: boolean) => {
    away = !reached;
  };
  const states = createUserStates(database, now, noteReach, options.loadTimeoutMs);
  const trends = createTrending(database, (error) => log('could not count trends', { reason: String(error) }, true));
  const following = createFollowing({ database, systemIdentifier: options.systemIdentifier, now, states, noteReach, onEvents: () => trends.noteEvents(), log });
  const catalogue = createCatalogue(database, now);
  const masks = createMasks(catalogue, now);
  const conditions = createConditions(catalogue);
  const explorer = createExplorer(catalogue, masks, now);
  const lists = createListMaker({ catalogue, masks, trends, explorer, now });
  const explainer = createExplainer(database, catalogue);
  const scenarios = createScenarios(database);
  const requests = createRequests(scenarios, conditions, catalogue);
  const recommendationIds = createRecommendationIds(options.tokenKey, now, RECOMMENDATION_AGE_MS);
  const cursors = createCursors(options.tokenKey);
  const trending = (key: string) => trendingPlan(following.model(), trends, key);

  /** The token says which list it was: for events that follow from it. */
  function issue(plan: Plan, scenarioNo: number, length: number): string {
    return recommendationIds.issue({ scenarioNo, variantNo: 0, modelVersion: plan.live?.version ?? 0, bucket: bucketOf(plan.key, BUCKET_SALT), length, source: plan.source });
  }

  function shape(entry: Entry, source: Source): AnswerItem {
    const item: AnswerItem = { itemId: entry.itemId, score: roundScore(entry.score) };
    if (entry.source !== source) {
      item.source = entry.source;
    }
    return item;
  }

  /** State that pages must share: model, what is known of the shopper, and the turn of a rotated list. */
  function stateOf(source: Source, mark: number, { rotation, explore, rotationHours }: Steered): number {
    const turn = rotation > 0 || explore > 0 ? periodOf(now(), rotationHours) : 0;
    return finalise((finalise((mark + Math.imul(turn, 0x9e3779b1)) | 0) + SOURCES.indexOf(source)) | 0);
  }

  function offsetOf(cursor: string | undefined, fingerprint: number, plan: Plan, stateNo: number): number {
    if (cursor === undefined) {
      return 0;
    }
    const read = cursors.read(cursor);
    if (typeof read === 'string' || read.parameters !== fingerprint) {
      throw new SteeringFault('cursor', 'cursor', typeof read === 'string' ? 'cursor is none that this service made.' : 'cursor belongs to a request with other parameters.');
    }
    if (read.modelVersion !== (plan.live?.version ?? 0) || read.state !== stateNo) {
      throw new SteeringFault('stale-cursor', 'cursor', 'The list that cursor belongs to is not what it was: there is a new model, the shopper did something new, or its rotation has turned.');
    }
    return read.offset;
  }

  /** Most lists of most shoppers go on alike: a cursor says nothing of whose list it is. By state, of one model, offset and request. */
  let lastCursors = { modelVersion: -1, offset: 0, parameters: 0, texts: new Map<number, string>() };

  function cursorOf(modelVersion: number, state: number, offset: number, parameters: number): string {
    if (lastCursors.modelVersion !== modelVersion || lastCursors.offset !== offset || lastCursors.parameters !== parameters || lastCursors.texts.size >= MAX_CURSORS) {
      lastCursors = { modelVersion, offset, parameters, texts: new Map() };
    }
    let text = lastCursors.texts.get(state);
    if (text === undefined) {
      text = cursors.issue({ modelVersion, state, offset, parameters });
      lastCursors.texts.set(state, text);
    }
    return text;
  }

  /** The usual list, as `answer` makes it, without what it would do for steered ones. null: not the usual case. */
  function answerQuickly(state: UserState, userId: string, { steered, fingerprint }: Asked): Answer | null {
    const { limit, condition, includeSeen, scenarioNo } = steered;
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
    const made: Answer = {
      recommendationId: recommendationIds.issue({ scenarioNo, variantNo: 0, modelVersion: live.version, bucket: bucketOf(userId, BUCKET_SALT), length: limit, source: 'personal' }),
      modelVersion: live.version, source: 'personal', items,
    };
    if (state.stale || away) {
      made.stale = true;
    }
    if (wanted > limit) {
      made.nextCursor = cursorOf(live.version, stateOf('personal', mark, steered), limit, fingerprint);
    }
    return made;
  }

  /** @param mark changes with what is known of the shopper */
  function answer(plan: Plan, cursor: string | undefined, { steered: asked, fingerprint }: Asked, mark: number, stale: boolean, state: UserState | null): Answer | Promise<Answer> {
    const stateNo = stateOf(plan.source, mark, asked);
    const offset = offsetOf(cursor, fingerprint, plan, stateNo);
    const end = Math.min(MAX_DEPTH, offset + asked.limit);
    // One more than asked for says whether there is a next page.
    const list = lists.make(plan, asked, Math.min(MAX_DEPTH, end + 1));
    const page = list.slice(offset, end);
    const made: Answer = { recommendationId: issue(plan, asked.scenarioNo, page.length), modelVersion: plan.live?.version ?? null, source: plan.source, items: page.map((entry) => shape(entry, plan.source)) };
    if (stale || away) {
      made.stale = true;
    }
    if (list.length > end) {
      made.nextCursor = cursorOf(plan.live?.version ?? 0, stateNo, end, fingerprint);
    }
    if (!asked.reasons || state === null || !isKnown(state)) {
      return asked.fields.length === 0 ? made : addFields(made, asked.fields);
    }
    const add = (reasons: Reason[][]) => {
      made.items.forEach((item, n) => {
        item.reasons = reasons[n];
      });
      return asked.fields.length === 0 ? made : addFields(made, asked.fields);
    };
    const reasons = explainer.explainList(state, page.map(({ itemId }) => itemId));
    return reasons instanceof Promise ? reasons.then(add) : add(reasons);
  }

  async function addFields(made: Answer, fields: readonly Field[]): Promise<Answer> {
    if (made.items.length === 0) {
      return made;
    }
    try {
      const byId = new Map((await loadItems(database, made.items.map((item) => item.itemId))).map((item) => [item.itemId, item]));
      const items = made.items.map((item) => {
        const row = byId.get(item.itemId);
        return row === undefined ? item : { ...item, ...Object.fromEntries(fields.map((field) => [field, row[field]])) };
      });
      return { ...made, items };
    } catch (error) {
      log('catalogue fields could not be read', { reason: String(error) }, true);
      return { ...made, stale: true };
    }
  }

  function personal(state: UserState, userId: string, request: ListRequest): Answer | Promise<Answer> {
    const asked = requests.read(request);
    return answer(personalPlan(state, userId, asked.steered.includeSeen, () => trending(userId)), request.cursor, asked, state.mark, state.stale, state);
  }

  function quickly(state: UserState, userId: string, request: ListRequest): Answer | Promise<Answer> {
    const asked = requests.read(request);
    return (asked.isPlain ? answerQuickly(state, userId, asked) : null) ?? personal(state, userId, request);
  }

  /** Lists that begin from items: null where there is no such item. */
  async function fromItems(itemIds: readonly string[], userId: string | null, request: ListRequest, planOf: (state: UserState | null, asked: Steered) => Plan | null): Promise<Answer | null> {
    const asked = requests.read(request);
    if (itemIds.every((itemId) => catalogue.columns.rowOfId(itemId) < 0)) {
      // What the catalogue in memory does not know may be a moment old. With Postgres away it may well exist.
      const exists = await Promise.all(itemIds.map(async (itemId) => await findItem(database, itemId).catch(() => undefined)));
      if (exists.every((item) => item === null)) {
        return null;
      }
    }
    const state = userId === null ? null : await states.stateOf(userId);
    const plan = planOf(state, asked.steered) ?? { ...trending(userId ?? itemIds.join('\n')), seenIds: itemIds };
    return await answer(plan, request.cursor, asked, state?.mark ?? 0, state?.stale ?? false, null);
  }

  async function followItems(): Promise<void> {
    const before = catalogue.revision();
    await catalogue.refresh();
    if (catalogue.revision() !== before) {
      explainer.forgetTitles();
    }
    explorer.refresh(following.model());
  }

  async function followModels(): Promise<void> {
    await following.followModels();
    explorer.refresh(following.model());
  }

  const follow = { items: coalesce(followItems), models: coalesce(followModels), scenarios: coalesce(() => scenarios.refresh()) };
  return {
    modelVersion: () => following.model()?.version ?? null,
    recommend(userId, request) {
      const state = states.stateOf(userId);
      return state instanceof Promise ? state.then((loaded) => personal(loaded, userId, request)) : personal(state, userId, request);
    },
    recommendQuickly(userId, request) {
      const state = states.stateOf(userId);
      return state instanceof Promise ? state.then((loaded) => quickly(loaded, userId, request)) : quickly(state, userId, request);
    },
    async similar(itemIds, userId, request) {
      return await fromItems(itemIds, userId, request, (state, asked) => {
        const live = following.model();
        return live === null ? null : similarPlan(live, itemIds, state, userId ?? '', asked.includeSeen);
      });
    },
    async together(itemIds, request) {
      return await fromItems(itemIds, null, request, () => {
        const live = following.model();
        return live === null ? null : togetherPlan(live, itemIds);
      });
    },
    trending: async (request) => await answer(trending(''), request.cursor, requests.read(request), 0, false, null),
    newest: async (request) => await answer(newestPlan(following.model(), lists.newest), request.cursor, requests.read(request), 0, false, null),
    async session(items, request) {
      return await answer(sessionPlan(following.model(), items, () => trending('')), request.cursor, requests.read(request), 0, false, null);
    },
    async reasons(userId, itemId) {
      const state = await states.stateOf(userId);
      const index = state.model?.itemIndexById.get(itemId);
      if (!isKnown(state) || index === undefined) {
        return null;
      }
      const explanation = await explainer.explainItem(state, index);
      const { factors, neighbours, recency } = explanation.parts;
      return { modelVersion: state.model.version, score: roundScore(factors + neighbours + recency), ...explanation };
    },
    audience: (itemId, limit, includeSeen) => audienceOf(following.model(), itemId, limit, includeSeen),
    checkFilter: (text, field) => void conditions.read(text, field),
    readBoosts: conditions.readBoosts,
    check: (request) => void requests.read(request),
    noteCommitted(events) {
      states.note(events);
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
    followItems: follow.items,
    followScenarios: follow.scenarios,
    followModels: follow.models,
    async start() {
      await follow.items();
      await follow.scenarios();
      await trends.refresh();
      await following.start();
      explorer.refresh(following.model());
    },
    stop() {
      trends.stop();
      explorer.stop();
    },
  };
}

