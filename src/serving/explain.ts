/**
 * Why an item is in a list: the shopper's own items, or those of a session, by their exact share of its score, through the factors (model/reasons.ts) and through the neighbourhood; or, where a list begins
 * from items, what each of these adds. In numbers and in words.
 */
import { type Reasoner, createReasoner } from '../model/reasons.ts';
import type { FieldReader } from './fields.ts';
import { roundScore } from './lists.ts';
import type { LiveModel } from './live-model.ts';
import type { UserState } from './user-state.ts';

export interface Reason {
  /** One of the shopper's own, of the session's, or of those that the list begins from. */
  readonly itemId: string;
  /** The event that weighs most; null: not known, or there was none. */
  readonly type: string | null;
  /** factors + neighbours */
  readonly score: number;
  readonly factors: number;
  readonly neighbours: number;
  text: string;
}

export interface Explanation {
  /** Of what the score is made, boosts aside. */
  readonly parts: { readonly factors: number; readonly neighbours: number; readonly recency: number };
  /** The strongest, by the size of their share. */
  readonly reasons: Reason[];
  /** What all other items of the shopper add together. */
  readonly others: { readonly count: number; readonly factors: number; readonly neighbours: number };
}

/** A state that an answer was made from by its vector. */
export type KnownState = UserState & { readonly model: LiveModel; readonly vector: Float32Array };

/** What a list's reasons are made from: a history, or the items that it begins from. */
export type Because =
  | { readonly kind: 'history'; readonly state: KnownState }
  | { readonly kind: 'items'; readonly through: 'factors' | 'neighbours'; readonly words: (name: string) => string; readonly sharesOf: (itemId: string) => { readonly itemId: string; readonly share: number }[] };

export interface Explainer {
  /** For each item the reasons that speak for it most, at most three; none for items the model does not know. Synchronous where titles need not be read. */
  explainList(because: Because, itemIds: readonly string[]): Reason[][] | Promise<Reason[][]>;
  /** All about one item, by its index in the model. */
  explainItem(state: KnownState, index: number): Promise<Explanation>;
}

const MAX_REASONS = 3;
const MAX_DETAILS = 50;
/** A reason adds, or takes away, at least so much of all that speaks for an item: less is nothing to tell anybody. */
const LEAST_SHARE = 0.01;

/** "Because you …": of event types that most shops have. */
const VERBS: Readonly<Record<string, string>> = { view: 'looked at', cart: 'put into your cart', purchase: 'bought', rating: 'rated', click: 'clicked on', play: 'played', complete: 'finished', like: 'liked', wishlist: 'wished for' };

function textOf(type: string | null, name: string | null, score: number): string {
  const because = score < 0 ? 'Although' : 'Because';
  if (name === null) {
    return type === null ? `${because} of what you did with it` : type in VERBS ? `${because} you ${VERBS[type]} it` : `${because} of your ${type} of it`;
  }
  return type === null ? `${because} of “${name}”` : type in VERBS ? `${because} you ${VERBS[type]} “${name}”` : `${because} of your ${type} of “${name}”`;
}

interface Share {
  readonly entry: number;
  readonly factors: number;
  readonly neighbours: number;
}

export function createExplainer(fields: Pick<FieldReader, 'titleOf' | 'load'>): Explainer {
  const reasoners = new WeakMap<LiveModel, Reasoner>();
  let shares = new Float64Array(0);
  let near = new Float64Array(0);

  function reasonerOf(live: LiveModel): Reasoner {
    let reasoner = reasoners.get(live);
    if (reasoner === undefined) {
      reasoner = createReasoner(live.scan.vectors, live.itemNos.length, live.scan.moments().gram, live.recipe, live.weightScale);
      reasoners.set(live, reasoner);
    }
    return reasoner;
  }

  /** Shares of all the shopper's entries in some items' scores: those of the k-th begin at k · n. */
  function measure({ model, history, from, to, foldWeight, foldTarget }: KnownState, indexes: readonly number[]): number {
    const n = to - from;
    if (shares.length < n * indexes.length) {
      shares = new Float64Array(2 * n * indexes.length);
      near = new Float64Array(2 * n * indexes.length);
    }
    reasonerOf(model).explain(history.index.subarray(from, to), foldWeight.subarray(from, to), foldTarget.subarray(from, to), n, indexes, indexes.length, shares);
    model.scan.neighbourShares(history, from, to, indexes, near);
    return n;
  }

  /** The `most` largest by what `sizeOf` says, largest first, without those that are next to nothing beside all that speaks for the item. */
  function strongest(k: number, n: number, most: number, sizeOf: (score: number) => number): Share[] {
    const found: Share[] = [];
    let forIt = 0;
    for (let e = k * n; e < (k + 1) * n; e++) {
      forIt += Math.max(0, shares[e] + near[e]);
    }
    const least = LEAST_SHARE * forIt;
    for (let e = 0; e < n; e++) {
      const factors = shares[k * n + e];
      const neighbours = near[k * n + e];
      const size = sizeOf(factors + neighbours);
      if (size <= 0 || size < least || (found.length === most && size <= sizeOf(found[most - 1].factors + found[most - 1].neighbours))) {
        continue;
      }
      let at = found.length;
      while (at > 0 && size > sizeOf(found[at - 1].factors + found[at - 1].neighbours)) {
        at--;
      }
      found.splice(at, 0, { entry: e, factors, neighbours });
      found.length = Math.min(found.length, most);
    }
    return found;
  }

  function describe({ model, history, from, mainType }: KnownState, { entry, factors, neighbours }: Share): Reason {
    const itemId = model.itemIds[history.index[from + entry]];
    const type = model.rules.find(({ typeNo }) => typeNo === mainType[from + entry])?.name ?? null;
    return { itemId, type, score: roundScore(factors + neighbours), factors: roundScore(factors), neighbours: roundScore(neighbours), text: '' };
  }

  /**
   * Words for reasons, `lists[k]` those for item `itemIds[k]`, which may itself be one of the shopper's own. Synchronous where all titles are known.
   *
   * @param name the title of the reason's item, else its id; null where it is the item itself
   */
  function inWords(lists: readonly Reason[][], itemIds: readonly string[], wordsOf = (reason: Reason, name: string | null) => textOf(reason.type, name, reason.score)): Reason[][] | Promise<Reason[][]> {
    let missing: string[] | null = null;
    const write = () => {
      missing = null;
      for (let k = 0; k < lists.length; k++) {
        for (const reason of lists[k]) {
          const title = reason.itemId === itemIds[k] ? null : fields.titleOf(reason.itemId);
          if (title === undefined) {
            (missing ??= []).push(reason.itemId);
          }
          reason.text = wordsOf(reason, reason.itemId === itemIds[k] ? null : (title ?? reason.itemId));
        }
      }
      return lists as Reason[][];
    };
    const written = write();
    // Where Postgres does not answer in time ids have to do, this once.
    return missing === null ? written : fields.load([...new Set(missing as string[])]).then(write);
  }

  /** Of a list that begins from items. */
  function explainByItems({ through, words, sharesOf }: Because & { kind: 'items' }, itemIds: readonly string[]): Reason[][] | Promise<Reason[][]> {
    const lists = itemIds.map((itemId) => {
      const all = sharesOf(itemId).filter(({ share }) => share > 0);
      const least = LEAST_SHARE * all.reduce((sum, { share }) => sum + share, 0);
      const strong = all.filter(({ share }) => share >= least).sort((a, b) => b.share - a.share).slice(0, MAX_REASONS);
      return strong.map((one): Reason => ({ itemId: one.itemId, type: null, score: roundScore(one.share), factors: 0, neighbours: 0, [through]: roundScore(one.share), text: '' }));
    });
    return inWords(lists, itemIds, (reason, name) => words(name ?? reason.itemId));
  }

  return {
    explainList(because, itemIds) {
      if (because.kind === 'items') {
        return explainByItems(because, itemIds);
      }
      const { state } = because;
      const { model } = state;
      const known = itemIds.flatMap((itemId, place) => {
        const index = model.itemIndexById.get(itemId);
        return index === undefined ? [] : [{ place, index }];
      });
      const n = measure(state, known.map(({ index }) => index));
      // What the state holds is good until the next wait.
      const chosen = known.map((_, k) => strongest(k, n, MAX_REASONS, (score) => score).map((share) => describe(state, share)));
      const lists: Reason[][] = itemIds.map(() => []);
      known.forEach(({ place }, k) => {
        lists[place] = chosen[k];
      });
      return inWords(lists, itemIds);
    },
    async explainItem(state, index) {
      const { model, vector, history, from, to } = state;
      const parts = model.scan.partsOf(vector, history, from, to, index);
      const n = measure(state, [index]);
      const shown = strongest(0, n, MAX_DETAILS, Math.abs);
      const chosen = shown.map((share) => describe(state, share));
      const rest = { count: n - chosen.length, factors: 0, neighbours: 0 };
      for (let e = 0; e < n; e++) {
        rest.factors += shares[e];
        rest.neighbours += near[e];
      }
      for (const { factors, neighbours } of shown) {
        rest.factors -= factors;
        rest.neighbours -= neighbours;
      }
      const rounded = { count: rest.count, factors: roundScore(rest.factors), neighbours: roundScore(rest.neighbours) };
      const [reasons] = await inWords([chosen], [model.itemIds[index]]);
      return {
        parts: { factors: roundScore(parts.factors), neighbours: roundScore(parts.neighbours), recency: roundScore(parts.recency) },
        reasons,
        others: rounded,
      };
    },
  };
}
