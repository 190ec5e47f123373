/**
 * The recommendation id: what a list was, carried by the client and sent back with the events it led to. So attribution costs no write when a list is read.
 *
 *   format u8 · time u32, seconds · scenario u16 · variant u16 · model version u32 · bucket u8 · list length u16 · source u8 · signature, 16 bytes       big-endian, 33 → 44 characters
 *
 * Lists of one second with the same fields have the same id: it says what kind of list it was, not whose. So at most one signature is made for each such combination and second. A list that is shown to nobody
 * has an id of a format of its own, which is not counted and tells nothing when it comes back: clicks of nobody's lists would spoil the rates of everybody's.
 */
import { hashText, seedAfter } from '../model/hash.ts';
import { createSigner, type Unsigned } from './signing.ts';

const FORMAT = 1;
/** Of lists that are shown to nobody. */
const PREVIEW_FORMAT = 2;
const BODY_BYTES = 17;
/** Columns of `events` are smallint and integer. */
const MOST_SMALL = 0x7fff;
const MOST_VERSION = 0x7fff_ffff;
const MOST_LENGTH = 0x3fff;
/** Beyond so many ids of one second the oldest are forgotten, and signed again. */
const MOST_KEPT = 20_000;

/** What an answer was made from, by its place here, which stored ids hold: only ever added to, at the end. */
export const RECOMMENDATION_SOURCES = ['personal', 'session', 'similar', 'together', 'trending', 'newest', 'explore', 'audience'] as const;
export type RecommendationSource = (typeof RECOMMENDATION_SOURCES)[number];
/** What a list of items can come from. */
export type ListSource = Exclude<RecommendationSource, 'audience'>;
export const LIST_SOURCES = RECOMMENDATION_SOURCES.filter((source) => source !== 'audience');

export interface RecommendationFields {
  /** Number of the scenario, 0 = none; up to 32,767, as the variant's. */
  readonly scenarioNo: number;
  readonly variantNo: number;
  /** 0: no model was live. */
  readonly modelVersion: number;
  /** `createBuckets`, 0–99. */
  readonly bucket: number;
  /** Items in the list, up to 16,383. */
  readonly length: number;
  readonly source: RecommendationSource;
}

export interface ReadRecommendation extends RecommendationFields {
  readonly issuedAtMs: number;
}

/** So many lists of one kind, made in one second. */
export interface IssuedLists extends RecommendationFields {
  readonly issuedAtMs: number;
  readonly lists: number;
}

/** Why an id tells nothing: it is none at all, was not signed by this installation, is too old, or of a list that is shown to nobody. */
export type UnreadableId = Unsigned | 'expired' | 'preview';

export interface RecommendationIds {
  /** @throws RangeError for a field that does not fit */
  issue(fields: RecommendationFields): string;
  /** The id of a list that is shown to nobody: it is not counted. @throws RangeError as above */
  issuePreview(fields: RecommendationFields): string;
  read(text: string): ReadRecommendation | UnreadableId;
  /** Lists that were given ids since it was last asked, counted. */
  drain(): IssuedLists[];
}

interface Kept {
  readonly text: string;
  readonly fields: RecommendationFields;
  /** Lists under this id that are not drained yet. */
  lists: number;
}

/**
 * @param key the secret `tokens`
 * @param maxAgeMs how long after a list events may still refer to it
 */
export function createRecommendationIds(key: Buffer, now: () => number, maxAgeMs: number): RecommendationIds {
  const signer = createSigner(key, 'recommendation id', BODY_BYTES);
  const body = Buffer.alloc(BODY_BYTES);
  let second = -1;
  let kept = 0;
  /** By scenario, variant and source; then by version, bucket and length. Both keys are whole numbers below 2⁵³. */
  let issued = new Map<number, Map<number, Kept>>();
  /** Of former seconds. */
  let counted: IssuedLists[] = [];

  /** What is kept is counted, and begins at nothing again. */
  function count(): void {
    for (const ofList of issued.values()) {
      for (const one of ofList.values()) {
        if (one.lists > 0) {
          counted.push({ ...one.fields, issuedAtMs: second * 1000, lists: one.lists });
          one.lists = 0;
        }
      }
    }
  }

  function sign(format: number, ofSecond: number, { scenarioNo, variantNo, modelVersion, bucket, length }: RecommendationFields, source: number): string {
    body.writeUInt8(format, 0);
    body.writeUInt32BE(ofSecond, 1);
    body.writeUInt16BE(scenarioNo, 5);
    body.writeUInt16BE(variantNo, 7);
    body.writeUInt32BE(modelVersion, 9);
    body.writeUInt8(bucket, 13);
    body.writeUInt16BE(length, 14);
    body.writeUInt8(source, 16);
    return signer.sign(body);
  }

  return {
    issue(fields) {
      const nowSecond = Math.floor(now() / 1000);
      if (nowSecond !== second || kept >= MOST_KEPT) {
        count();
        second = nowSecond;
        kept = 0;
        issued = new Map();
      }
      const source = RECOMMENDATION_SOURCES.indexOf(fields.source);
      check(fields, source);
      const list = (fields.scenarioNo * (MOST_SMALL + 1) + fields.variantNo) * 256 + source;
      let ofList = issued.get(list);
      if (ofList === undefined) {
        ofList = new Map();
        issued.set(list, ofList);
      }
      const one = (fields.modelVersion * (MOST_LENGTH + 1) + fields.length) * 128 + fields.bucket;
      let known = ofList.get(one);
      if (known === undefined) {
        known = { text: sign(FORMAT, second, fields, source), fields, lists: 0 };
        ofList.set(one, known);
        kept++;
      }
      known.lists++;
      return known.text;
    },
    issuePreview(fields) {
      const source = RECOMMENDATION_SOURCES.indexOf(fields.source);
      check(fields, source);
      return sign(PREVIEW_FORMAT, Math.floor(now() / 1000), fields, source);
    },
    read(text) {
      const bytes = signer.open(text);
      if (typeof bytes === 'string') {
        return bytes;
      }
      const format = bytes.readUInt8(0);
      if (format === PREVIEW_FORMAT) {
        return 'preview';
      }
      const source = RECOMMENDATION_SOURCES[bytes.readUInt8(16)];
      if (format !== FORMAT || source === undefined) {
        return 'malformed'; // signed by another version of the program
      }
      const issuedAtMs = bytes.readUInt32BE(1) * 1000;
      if (now() - issuedAtMs > maxAgeMs) {
        return 'expired';
      }
      return {
        issuedAtMs, scenarioNo: bytes.readUInt16BE(5), variantNo: bytes.readUInt16BE(7), modelVersion: bytes.readUInt32BE(9), bucket: bytes.readUInt8(13), length: bytes.readUInt16BE(14), source,
      };
    },
    drain() {
      count();
      const drained = counted;
      counted = [];
      return drained;
    },
  };
}

/** Of shoppers and other keys: 0–99, the same everywhere; another salt cuts them another way. */
export function createBuckets(salt: string): (key: string) => number {
  const seed = seedAfter(`${salt}\u0000`);
  return (key) => Math.floor((hashText(key, seed) * 100) / 0x1_0000_0000);
}

function check({ scenarioNo, variantNo, modelVersion, bucket, length }: RecommendationFields, source: number): void {
  const fits =
    isWhole(scenarioNo, MOST_SMALL) && isWhole(variantNo, MOST_SMALL) && isWhole(modelVersion, MOST_VERSION) && isWhole(bucket, 99) && isWhole(length, MOST_LENGTH) && source >= 0;
  if (!fits) {
    throw new RangeError(`no recommendation id has ${JSON.stringify({ scenarioNo, variantNo, modelVersion, bucket, length, source })}`);
  }
}

function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}
