/**
 * Pages of a list: a page is cut from a ranking that is made anew, so a cursor says where to go on, and by what that ranking is recognised: the request, the model, how much is known of the shopper, the
 * items a list begins from, and the turn of a list that turns.
 */
import { finalise, hashText, periodOf } from '../model/hash.ts';
import { createCursors } from './cursors.ts';
import { type Plan, SOURCES, type Source } from './lists.ts';
import { type Steered, SteeringFault } from './steering.ts';

export interface Place {
  readonly offset: number;
  readonly stateNo: number;
  /** Whose turn the list has. */
  readonly atMs: number;
}

export interface Pages {
  /** State that pages must share: kind, what is known of the shopper (`mark`), and the turn of a list that turns. */
  stateOf(source: Source, mark: number, steered: Steered, atMs?: number): number;
  /** What a cursor is bound to besides: the request, and the items that the list begins from with the shopper it leans to. */
  boundTo(plan: Plan, fingerprint: number): number;
  /**
   * Where a page begins. A list that has turned within the hour goes on as it began.
   *
   * @throws SteeringFault where the cursor is none, of another list, or of a list that is not what it was
   */
  placeOf(cursor: string | undefined, parameters: number, plan: Plan, mark: number, steered: Steered): Place;
  cursorOf(modelVersion: number, stateNo: number, offset: number, parameters: number): string;
}

/** How long after a list has turned its pages go on. */
const TURN_GRACE_MS = 3_600_000;
const MAX_CURSORS = 5_000;
/** Kinds of lists whose cursors are kept: experiments ask for several by turns. */
const MAX_KINDS = 8;

/** @param tokenKey the secret `tokens` */
export function createPages(tokenKey: Buffer, now: () => number): Pages {
  const cursors = createCursors(tokenKey);
  /**
   * By state, of a model, offset and request. A shopper's cursor says nothing of whose list it is: it is a place in a ranking that is made anew, so most lists of most shoppers share one text and one
   * signature, and nobody who gets hold of one learns anything. For another shopper of whom as much is known it gives the same place of their own list.
   */
  let kinds: { readonly modelVersion: number; readonly offset: number; readonly parameters: number; texts: Map<number, string> }[] = [];

  function stateOf(source: Source, mark: number, { rotation, explore, rotationHours }: Steered, atMs = now()): number {
    const turns = rotation > 0 || (explore > 0 && (source === 'personal' || source === 'session'));
    const turn = turns ? periodOf(atMs, rotationHours) : 0;
    return finalise((finalise((mark + Math.imul(turn, 0x9e3779b1)) | 0) + SOURCES.indexOf(source)) | 0);
  }

  return {
    stateOf,
    boundTo: ({ seenIds, key }, fingerprint) => (seenIds.length === 0 ? fingerprint : finalise((fingerprint + hashText(JSON.stringify([seenIds, key]))) | 0)),
    placeOf(cursor, parameters, plan, mark, steered) {
      const nowMs = now();
      const stateNo = stateOf(plan.source, mark, steered, nowMs);
      if (cursor === undefined) {
        return { offset: 0, stateNo, atMs: nowMs };
      }
      const read = cursors.read(cursor);
      if (typeof read === 'string') {
        throw new SteeringFault('cursor', 'cursor', 'cursor is none that this service made.');
      }
      if (read.parameters !== parameters) {
        throw new SteeringFault('cursor', 'cursor', 'cursor belongs to another list, or to a request with other parameters.');
      }
      const atMs = read.state === stateNo ? nowMs : nowMs - TURN_GRACE_MS;
      if (read.modelVersion !== (plan.live?.version ?? 0) || read.state !== stateOf(plan.source, mark, steered, atMs)) {
        throw new SteeringFault('stale-cursor', 'cursor', 'The list that cursor belongs to is not what it was: there is a new model, the shopper did something new, or the list has turned.');
      }
      return { offset: read.offset, stateNo: read.state, atMs };
    },
    cursorOf(modelVersion, stateNo, offset, parameters) {
      let kind;
      for (let n = 0; n < kinds.length && kind === undefined; n++) {
        kind = kinds[n].modelVersion === modelVersion && kinds[n].offset === offset && kinds[n].parameters === parameters ? kinds[n] : undefined;
      }
      if (kind === undefined) {
        kind = { modelVersion, offset, parameters, texts: new Map() };
        kinds = [kind, ...kinds.slice(0, MAX_KINDS - 1)];
      } else if (kind.texts.size >= MAX_CURSORS) {
        kind.texts = new Map();
      }
      let text = kind.texts.get(stateNo);
      if (text === undefined) {
        text = cursors.issue({ modelVersion, state: stateNo, offset, parameters });
        kind.texts.set(stateNo, text);
      }
      return text;
    },
  };
}
